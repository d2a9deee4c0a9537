// A crosshair with values on the charts over time. Without it the page is complete; it only adds.
(() => {
  "use strict";
  const div = (name) => Object.assign(document.createElement("div"), { className: name, hidden: true });
  const number = (value, unit) =>
    unit ? `${value.toFixed(1).replace("-", "\u2212")}\u202f${unit}` : value.toLocaleString("en-US");

  const plots = [...document.querySelectorAll("[data-readings]")].map((plot) => {
    const { start, gaps, rows, zeros } = JSON.parse(document.getElementById(plot.dataset.readings).textContent);
    let day = 0;
    const days = gaps.map((gap) => (day += gap));
    const [line, tip] = [div("cross"), div("tip")];
    tip.setAttribute("role", "status");
    plot.append(line, tip);
    plot.tabIndex = 0;
    plot.setAttribute("role", "group");
    plot.setAttribute("aria-label", "Chart; the arrow keys read its values");
    return { plot, start: Date.parse(start), days, rows, zeros, line, tip, at: gaps.length - 1 };
  });

  function nearest(days, day) {
    let [low, high] = [0, days.length - 1];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (days[middle] <= day) low = middle;
      else high = middle;
    }
    return day - days[low] <= days[high] - day ? low : high;
  }

  function entry(row, at) {
    const made = document.createElement("p");
    const swatch = Object.assign(document.createElement("i"), { className: `swatch ${row.tone}` });
    const value = Object.assign(document.createElement("b"), { textContent: number(row.values[at], row.unit) });
    const name = Object.assign(document.createElement("span"), { textContent: row.name });
    made.append(swatch, name, value);
    return made;
  }

  function show(chart, at) {
    chart.at = Math.min(Math.max(at, 0), chart.days.length - 1);
    const day = chart.days[chart.at];
    const place = day / chart.days[chart.days.length - 1];
    for (const { line } of plots) {
      line.hidden = false;
      line.style.left = `${100 * place}%`;
    }
    const head = document.createElement("p");
    head.textContent = new Date(chart.start + day * 864e5).toISOString().slice(0, 10);
    const held = chart.rows.filter((row) => chart.zeros || row.values[chart.at] !== 0);
    chart.tip.replaceChildren(head, ...held.map((row) => entry(row, chart.at)));
    chart.tip.hidden = false;
    chart.tip.classList.toggle("left", place > 0.5);
    chart.tip.style.left = `${100 * place}%`;
  }

  function hide() {
    for (const { line, tip } of plots) line.hidden = tip.hidden = true;
  }

  for (const chart of plots) {
    const last = chart.days[chart.days.length - 1];
    const point = (event) => {
      const box = chart.plot.getBoundingClientRect();
      show(chart, nearest(chart.days, (last * (event.clientX - box.left)) / box.width));
    };
    chart.plot.addEventListener("pointermove", point);
    chart.plot.addEventListener("pointerdown", point);
    chart.plot.addEventListener("pointerleave", hide);
    chart.plot.addEventListener("blur", hide);
    chart.plot.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1, PageUp: -21, PageDown: 21 }[event.key];
      if (event.key === "Escape") hide();
      if (!step) return;
      event.preventDefault();
      show(chart, chart.at + step);
    });
  }
})();
