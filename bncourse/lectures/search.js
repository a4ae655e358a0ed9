// Search without a server: every row of the index that holds all the words; those with a word in the title first.
const query = document.getElementById("query"), found = document.getElementById("found");
const results = document.getElementById("results"), MOST = 30, AROUND = 80;

function search() {
  const words = query.value.toLowerCase().split(/\s+/).filter(Boolean);
  const hits = words.length ? window.SEARCH.map(([address, title, text]) => {
    const low = title.toLowerCase(), all = `${low} ${text.toLowerCase()}`;
    return { address, title, text, rank: words.every(word => all.includes(word))
      ? 1 + words.filter(word => low.includes(word)).length : 0 };
  }).filter(hit => hit.rank).sort((a, b) => b.rank - a.rank) : [];
  results.replaceChildren(...hits.slice(0, MOST).map(hit => shown(hit, words)));
  found.textContent = !words.length ? "Lessons, claims and words of the glossary are searched."
    : `${hits.length || "No"} ${hits.length === 1 ? "place" : "places"}${hits.length > MOST ? `, the first ${MOST} shown` : ""}.`;
}

function shown({ address, title, text }, words) {
  const link = Object.assign(document.createElement("a"), { href: address, textContent: title });
  const item = document.createElement("li"), low = text.toLowerCase();
  const first = Math.max(0, Math.min(...words.map(word => low.indexOf(word)).filter(place => place >= 0), text.length));
  const start = first === text.length ? 0 : Math.max(0, first - AROUND);
  const told = document.createElement("p");
  told.textContent = `${start ? "… " : ""}${text.slice(start, start + 3 * AROUND)}${start + 3 * AROUND < text.length ? " …" : ""}`;
  item.append(link, told);
  return item;
}

query.value = new URLSearchParams(location.search).get("q") ?? "";
query.addEventListener("input", search);
query.form.addEventListener("submit", event => event.preventDefault());
search();
