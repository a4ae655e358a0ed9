// Mathematics, then the sign that the page is as it will stay.
window.MathJax.Hub.Queue(["Typeset", window.MathJax.Hub], () => { document.documentElement.dataset.ready = "yes"; });
