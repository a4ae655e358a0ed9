// What moves on a page beside its explorers: the questions, the list of sections, what is too wide, what is printed.
const wide = matchMedia("(min-width: 1400px)");
for (const list of document.querySelectorAll(".contents")) {
  const adapt = () => { list.open = wide.matches; };
  wide.addEventListener("change", adapt);
  adapt();
}

function crc32(text) {
  let sum = -1;
  for (const byte of new TextEncoder().encode(text)) {
    sum ^= byte;
    for (let bit = 0; bit < 8; bit++) sum = (sum >>> 1) ^ (0xEDB88320 & -(sum & 1));
  }
  return (~sum >>> 0).toString(16).padStart(8, "0");
}

for (const quiz of document.querySelectorAll(".quiz")) {
  const options = quiz.querySelector(".options"), labels = [...options.children];
  for (let last = labels.length - 1; last > 0; last--) {
    const other = Math.floor(Math.random() * (last + 1));
    [labels[last], labels[other]] = [labels[other], labels[last]];
  }
  options.replaceChildren(...labels);
  quiz.addEventListener("change", event => {
    const right = crc32(`${event.target.value}|${quiz.dataset.name}`) === quiz.dataset.right;
    for (const label of labels) label.className = "";
    event.target.parentElement.className = right ? "right" : "wrong";
    quiz.querySelector(".verdict-line").textContent = right ? "Right." : "Not this one.";
    if (right) quiz.querySelector(".why")?.removeAttribute("hidden");
  });
}

function reachable() {  // what scrolls by itself has to be reached by the keyboard
  for (const box of document.querySelectorAll(".wide, .display-math")) {
    const scrolls = box.scrollWidth > box.clientWidth;
    for (const [name, value] of [["tabindex", "0"], ["role", "group"], ["aria-label", "wide, scrolls sideways"]]) {
      scrolls ? box.setAttribute(name, value) : box.removeAttribute(name);
    }
  }
}

let shut = [];
addEventListener("beforeprint", () => {
  shut = [...document.querySelectorAll("details:not([open]):not(.source):not(.contents)")];
  for (const details of shut) details.open = true;
});
addEventListener("afterprint", () => { for (const details of shut) details.open = false; });
addEventListener("resize", reachable);

window.MathJax.Hub.Queue(["Typeset", window.MathJax.Hub], () => {
  reachable();
  document.documentElement.dataset.ready = "yes";  // the page is as it will stay
});
