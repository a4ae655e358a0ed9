// Explorers without a kernel: a native control for each of an explorer's, and the frame that belongs to their stops.
const make = (tag, told = {}, ...inside) => {
  const element = Object.assign(document.createElement(tag), told);
  element.append(...inside);
  return element;
};

class Explorer {
  constructor(figure, number) {
    this.told = JSON.parse(figure.dataset.frames);
    this.figure = figure;
    this.picture = figure.querySelector("img");
    this.sheets = [];
    this.places = this.told.controls.map(control => control.first);
    this.inputs = this.told.controls.map((control, place) => this.input(control, place, `explorer-${number}-${place}`));
    this.says = make("output", { className: "aside" });
    this.form = make("form", { className: "explorer-controls", onsubmit: event => event.preventDefault() }, ...this.rows(),
      make("button", { type: "button", textContent: "Reset", onclick: () => this.reset() }));
    this.form.dataset.preventSwipe = "";  // a finger on a slider does not turn the slide
    this.form.addEventListener("keydown", event => event.key === "Escape" || event.stopPropagation());
    for (const near of ["pointerenter", "focusin"]) figure.addEventListener(near, () => this.fetchAll(), { once: true });
    figure.prepend(this.form);
    figure.append(this.says);
    this.show(0).catch(() => { this.form.remove(); });  // without its frames it stays the picture that it is
  }

  input(control, place, id) {
    const last = control.stops.length - 1, moved = input => this.move(place, Number(input.value));
    if (control.kind === "choice") {
      const options = control.stops.map((stop, value) => make("option", { value, textContent: stop }));
      return make("select", { id, onchange: event => moved(event.target) }, ...options);
    }
    if (control.kind === "check") {
      return make("input", { id, type: "checkbox", onchange: event => this.move(place, Number(event.target.checked)) });
    }
    return make("input", { id, type: "range", min: 0, max: last, step: 1, oninput: event => moved(event.target) });
  }

  rows() {
    return this.inputs.map((input, place) => {
      const value = make("span", { className: "stop" });
      value.setAttribute("aria-hidden", "true");  // the control says it
      return make("div", { className: "control" },
        make("label", { htmlFor: input.id, textContent: this.told.controls[place].name }), input, value);
    });
  }

  move(place, stop) {
    this.places = this.told.controls.map((control, other) =>
      other === place ? stop : control.grid === this.told.controls[place].grid ? this.places[other] : control.first);
    return this.show(this.told.controls[place].grid);
  }

  reset() {
    this.places = this.told.controls.map(control => control.first);
    return this.show(0);
  }

  async show(grid) {
    const within = (index, control, place) =>
      control.grid === grid ? index * control.stops.length + this.places[place] : index;
    const frame = this.wanted = this.told.grids[grid] + this.told.controls.reduce(within, 0);
    this.inputs.forEach((input, place) => this.write(input, this.told.controls[place], this.places[place]));
    const sheet = await this.sheet(Math.floor(frame / this.told.rows));
    if (frame !== this.wanted) return;  // it was moved on in the meantime
    const [width, height] = this.told.size;
    this.canvas().getContext("2d").drawImage(sheet, 0, (frame % this.told.rows) * height, width, height,
      0, 0, width, height);
    this.figure.dataset.frame = frame;
    this.says.textContent = this.told.says[frame];
  }

  write(input, control, place) {
    const stop = control.stops[place];
    if (control.kind === "check") input.checked = place === 1;
    else input.value = place;
    if (control.kind === "range") {
      input.setAttribute("aria-valuetext", stop);
      input.nextSibling && (input.nextSibling.textContent = stop);
    }
  }

  canvas() {
    if (this.picture.tagName !== "CANVAS") {
      const [width, height] = this.told.size, canvas = make("canvas", { width, height });
      canvas.setAttribute("role", "img");
      canvas.setAttribute("aria-label", this.picture.alt);
      canvas.style.setProperty("--width", `${this.picture.getAttribute("width")}px`);
      this.picture.replaceWith(canvas);
      this.picture = canvas;
    }
    return this.picture;
  }

  sheet(number) {
    this.sheets[number] ??= new Promise((loaded, failed) => {
      const sheet = make("img", { onload: () => loaded(sheet), onerror: failed });
      sheet.src = `${this.told.folder}${number}.webp`;
    });
    return this.sheets[number];
  }

  fetchAll() {
    for (let number = 0; number < this.told.says.length / this.told.rows; number++) this.sheet(number).catch(() => {});
  }
}

document.querySelectorAll("figure[data-frames]").forEach((figure, number) => new Explorer(figure, number));
