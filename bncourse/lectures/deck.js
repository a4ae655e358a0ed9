// Mathematics first, while every slide can be measured; then the slides.
window.MathJax.Hub.Queue(["Typeset", window.MathJax.Hub], () => {
  const reveal = window.Reveal;
  const onlyOne = () => {  // else the keyboard reaches links of slides that are not shown
    for (const slide of reveal.getSlides()) slide.inert = slide !== reveal.getCurrentSlide() && !reveal.isOverview();
  };
  document.querySelector(".reveal").classList.remove("preparing");
  reveal.initialize({
    width: 1280, height: 720, margin: 0, center: false, hash: true, transition: "none", slideNumber: "c/t",
    pdfMaxPagesPerSlide: 1, pdfSeparateFragments: false, plugins: [window.RevealNotes],
  }).then(() => {
    if (!reveal.isPrintView()) {
      for (const change of ["slidechanged", "overviewshown", "overviewhidden"]) reveal.on(change, onlyOne);
      onlyOne();
    }
    document.querySelector(".reveal").classList.remove("loading");
    document.documentElement.dataset.ready = "yes";
  });
});
