// Settings of MathJax: TeX between dollars, fonts from beside the page, MathML for those who listen.
window.MathJax = {
  extensions: ["AssistiveMML.js"],
  jax: ["input/TeX", "output/HTML-CSS"],
  messageStyle: "none",
  "fast-preview": { disabled: true },  // else it sets every formula twice
  showMathMenu: false,
  tex2jax: { inlineMath: [["$", "$"], ["\\(", "\\)"]], displayMath: [["$$", "$$"]], processEscapes: true },
  TeX: { equationNumbers: { autoNumber: "none" }, extensions: ["AMSmath.js", "AMSsymbols.js"] },
  "HTML-CSS": {
    fonts: ["STIX-Web"], EqnChunk: 1000,
    styles: { "@font-face": { "font-family": "MathJax_Blank", src: "local('')" } },  // else it asks for about:blank
  },
  skipStartupTypeset: true,
  AuthorInit() {  // in Firefox it does without fonts that lie in another folder than a page, which Firefox loads
    const { Hub, OutputJax } = window.MathJax;
    Hub.Register.StartupHook("HTML-CSS Jax Config", () => { OutputJax["HTML-CSS"].allowWebFonts = "otf"; });
  },
};
