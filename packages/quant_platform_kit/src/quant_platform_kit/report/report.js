// Values under the pointer, zoom, and pages of long tables. Without it the page is complete; it only adds.
(() => {
  "use strict";
  const DAY = 864e5, WIDTH = 4000, HEIGHT = 2000, CLOSEST = 10;
  const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");
  const MINUS = "\u2212", THIN = "\u202f";
  const make = (tag, of, ...children) => {
    const made = Object.assign(document.createElement(tag), of);
    made.append(...children);
    return made;
  };
  const drawn = (tag, of, text) => {
    const made = document.createElementNS(document.querySelector("svg").namespaceURI, tag);
    for (const [name, value] of Object.entries(of)) made.setAttribute(name, value);
    if (text !== undefined) made.textContent = text;
    return made;
  };
  const share = (fraction) => `${(100 * fraction).toFixed(2)}%`;
  const signed = (text) => text.replace("-", MINUS);
  const iso = (day) => new Date(day * DAY).toISOString().slice(0, 10);
  const ordinal = (text) => Date.parse(text) / DAY;
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const number = (value, unit) => {
    if (unit === "%") return `${signed(value.toFixed(1))}${THIN}%`;
    return unit === "" ? value.toLocaleString("en-US") : signed(value.toFixed(2));
  };

  const plots = [...document.querySelectorAll("[data-readings]")].map((plot) => {
    const { start, gaps, rows, zeros, first, last } = read(plot.dataset.readings);
    let day = ordinal(start);
    const days = gaps.map((gap) => (day += gap));
    const [line, tip, chosen] = ["cross", "tip", "chosen"].map((name) => make("div", { className: name, hidden: true }));
    tip.setAttribute("role", "status");
    plot.append(line, tip, chosen);
    plot.tabIndex = 0;
    plot.setAttribute("role", "group");
    plot.setAttribute("aria-label", "Chart; the arrow keys read its values, plus and minus zoom, 0 shows all");
    const svg = plot.querySelector("svg");
    const own = plot.dataset.rows.split(" ").map((row) => rows[row]);
    const kind = plot.dataset.scale;
    return { plot, svg, whole: svg.innerHTML, own, kind, days, rows, zeros, line, tip, chosen, at: days.length - 1,
      ends: [ordinal(first), ordinal(last)] };
  });
  if (plots.length) charts();
  for (const list of document.querySelectorAll("[data-pages]")) pages(list);

  function charts() {
    const ends = plots[0].ends;
    let view = ends;
    const place = (day) => (day - view[0]) / (view[1] - view[0]);

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
      const value = row.values[at];
      const swatch = make("i", { className: `swatch ${row.tone}` });
      const text = value === null ? "\u2014" : number(value, row.unit);
      return make("p", {}, swatch, make("span", { textContent: row.name }), make("b", { textContent: text }));
    }

    function show(chart, at) {
      const [low, high] = view.map((day) => nearest(chart.days, day));
      chart.at = Math.min(Math.max(at, low), high);
      const day = chart.days[chart.at];
      const left = place(day);
      for (const { line } of plots) {
        line.hidden = false;
        line.style.left = share(left);
      }
      const held = chart.rows.filter((row) => chart.zeros || row.values[chart.at] !== 0);
      chart.tip.replaceChildren(make("p", { textContent: iso(day) }), ...held.map((row) => entry(row, chart.at)));
      chart.tip.hidden = false;
      chart.tip.classList.toggle("left", left > 0.5);
      chart.tip.style.left = share(left);
    }

    function hide() {
      for (const { line, tip } of plots) line.hidden = tip.hidden = true;
    }

    // --- zoom: the lines are drawn anew out of the values, the axes with them

    function roundValues(low, high, count) {
      const raw = (high - low) / count;
      const unit = 10 ** Math.floor(Math.log10(raw));
      const step = unit * [1, 2, 5, 10].find((factor) => unit * factor >= raw * 0.999);
      const ticks = [];
      for (let i = Math.ceil(low / step - 1e-9); i <= Math.floor(high / step + 1e-9); i++) ticks.push(+(i * step).toPrecision(12));
      return ticks;
    }

    function label(tick, unit) {
      if (unit === "%") return `${signed(String(tick))}${THIN}%`;
      const [size, letter] = [[1e12, "T"], [1e9, "B"], [1e6, "M"], [1e3, "k"]].find(([size]) => Math.abs(tick) >= size) || [1, ""];
      return signed(String(+(tick / size).toPrecision(7)) + letter);
    }

    function firsts([from, to], months) {
      const [low, high] = [from, to].map((day) => new Date(day * DAY)).map((at) => 12 * at.getUTCFullYear() + at.getUTCMonth());
      const counted = Array.from({ length: high - low + 1 }, (_, i) => low + i).filter((month) => month % months === 0);
      return counted.map((month) => Date.UTC(Math.floor(month / 12), month % 12, 1) / DAY).filter((day) => day >= from);
    }

    function timeTicks(span) {
      const months = [1, 3, 6, 12, 24, 60, 120].find((n) => firsts(span, n).length <= 10);
      const starts = firsts(span, months);
      if (starts.length >= 3) {
        const named = (at) => (months < 12 ? `${MONTHS[at.getUTCMonth()]} ` : "") + at.getUTCFullYear();
        return starts.map((day) => [day, named(new Date(day * DAY))]);
      }
      const step = Math.ceil((span[1] - span[0]) / 8);
      const days = Array.from({ length: 9 }, (_, i) => Math.ceil(span[0]) + i * step).filter((day) => day <= span[1]);
      return days.map((day) => [day, `${new Date(day * DAY).getUTCDate()} ${MONTHS[new Date(day * DAY).getUTCMonth()]}`]);
    }

    function scaled({ own, kind }, low, high) {
      const values = own.flatMap((row) => row.values.slice(low, high + 1)).filter((value) => value !== null);
      const [least, most] = [Math.min(...values), Math.max(...values)];
      if (kind === "stack") return [0, 100, (value) => value / 100];
      if (kind === "falls") return [1.1 * Math.min(least, -0.5), 0, (value, from) => 1 - value / from];
      if (kind === "log") {
        const room = Math.max((most / least) ** 0.05, 1.001);
        return [least / room, most * room, (value, from, to) => Math.log(value / from) / Math.log(to / from)];
      }
      const room = 0.05 * (most - least) || 0.05;
      return [least - room, most + room, (value, from, to) => (value - from) / (to - from)];
    }

    function redraw(chart) {
      if (view === ends) return void (chart.svg.innerHTML = chart.whole);
      const { svg, own, kind, days } = chart;
      const low = Math.max(nearest(days, view[0]) - 1, 0), high = Math.min(nearest(days, view[1]) + 1, days.length - 1);
      const [from, to, height] = scaled(chart, low, high);
      const up = (value) => height(value, from, to);
      const at = (i, y) => `${(WIDTH * place(days[i])).toFixed(1)},${(HEIGHT * (1 - y)).toFixed(1)}`;
      const indices = Array.from({ length: high - low + 1 }, (_, i) => low + i);
      const plane = drawn("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", width: "100%", height: "100%" });
      const closed = (points, base) => [...points, `${(WIDTH * place(days[high])).toFixed(1)},${base}`, `${(WIDTH * place(days[low])).toFixed(1)},${base}`].join(" ");
      if (kind === "stack") {
        const sums = indices.map(() => 0);
        const layers = own.map((row) => drawn("polygon", { class: `area ${row.tone}`, points: closed(indices.map((i, n) => at(i, up((sums[n] += row.values[i])))), HEIGHT) }));
        plane.append(...layers.reverse());
      } else {
        const lines = own.map((row) => [row.tone, indices.filter((i) => row.values[i] !== null).map((i) => at(i, up(row.values[i])))]);
        if (kind === "falls") plane.append(drawn("polygon", { class: `area ${own[0].tone}`, points: closed(lines[0][1], 0) }));
        plane.append(...lines.map(([tone, points]) => drawn("polyline", { class: `line ${tone}`, points: points.join(" ") })).reverse());
      }
      const rules = [];
      for (const tick of roundValues(from, to, 5)) {
        const y = share(1 - up(tick));
        rules.push(drawn("line", { class: "rule", x1: 0, x2: "100%", y1: y, y2: y }), drawn("text", { class: "y", x: -8, y, dy: "0.32em" }, label(tick, own[0].unit)));
      }
      const ticks = timeTicks(view), every = Math.ceil(ticks.length / 4);
      ticks.forEach(([day, text], i) => {
        const x = share(place(day)), tone = `x${i % every ? " minor" : ""}${place(day) > 0.97 ? " last" : ""}`;
        rules.push(drawn("line", { class: `rule ${tone}`, x1: x, x2: x, y1: 0, y2: "100%" }), drawn("text", { class: tone, x, y: "100%", dy: "1.6em" }, text));
      });
      const named = [...svg.children].filter((child) => child.tagName === "title" || child.tagName === "desc");
      svg.replaceChildren(...named, ...(kind === "stack" ? [plane, ...rules] : [...rules, plane]));
    }

    function zoom(from, to) {
      if (to - from < CLOSEST) [from, to] = [(from + to - CLOSEST) / 2, (from + to + CLOSEST) / 2];
      view = from <= ends[0] && to >= ends[1] ? ends : [Math.max(from, ends[0]), Math.min(to, ends[1])];
      hide();
      plots.forEach(redraw);
      for (const shown of document.querySelectorAll(".zoom output")) shown.value = view === ends ? "" : `${iso(view[0])} to ${iso(view[1])}`;
    }

    const all = () => zoom(...ends);
    for (const bar of document.querySelectorAll(".zoom")) {
      const last = (years) => () => zoom(ends[1] - 365.25 * years, ends[1]);
      const spans = [1, 3, 5, 10].filter((years) => 365.25 * years < ends[1] - ends[0]).map((years) => [`${years} y`, last(years)]);
      const buttons = [...spans, ["All", all]].map(([textContent, onclick]) => make("button", { type: "button", textContent, onclick }));
      bar.replaceChildren(make("span", { className: "mouse", textContent: "Drag across a chart to zoom." }), make("span", { textContent: "Show the last" }), ...buttons, make("output"));
      bar.hidden = false;
    }

    for (const chart of plots) {
      let begun = null;
      const across = (event) => {
        const box = chart.plot.getBoundingClientRect();
        return Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1);
      };
      const day = (fraction) => view[0] + fraction * (view[1] - view[0]);
      const point = (event) => {
        show(chart, nearest(chart.days, day(across(event))));
        if (begun === null) return;
        const [low, high] = [begun, across(event)].sort((a, b) => a - b);
        Object.assign(chart.chosen.style, { left: share(low), width: share(high - low) });
        chart.chosen.hidden = high - low < 0.01;
      };
      chart.plot.addEventListener("pointermove", point);
      chart.plot.addEventListener("pointerdown", (event) => {
        if (event.pointerType === "mouse" && event.button === 0) {
          event.preventDefault();
          chart.plot.focus();
          chart.plot.setPointerCapture(event.pointerId);
          begun = across(event);
        }
        point(event);
      });
      chart.plot.addEventListener("pointerup", (event) => {
        const [low, high] = [begun ?? 0, begun === null ? 0 : across(event)].sort((a, b) => a - b);
        begun = null;
        chart.chosen.hidden = true;
        if (high - low >= 0.01) zoom(day(low), day(high));
      });
      chart.plot.addEventListener("pointercancel", () => ((begun = null), (chart.chosen.hidden = true)));
      chart.plot.addEventListener("dblclick", all);
      chart.plot.addEventListener("pointerleave", hide);
      chart.plot.addEventListener("blur", hide);
      chart.plot.addEventListener("keydown", (event) => {
        const step = { ArrowLeft: -1, ArrowRight: 1, PageUp: -21, PageDown: 21 }[event.key];
        const factor = { "+": 0.25, "=": 0.25, "-": 1 }[event.key];
        if (event.key === "Escape") hide();
        if (event.key === "0") all();
        if (factor) {
          const middle = chart.days[chart.at], half = factor * (view[1] - view[0]);
          zoom(middle - half, middle + half);
        }
        if (!step) return;
        event.preventDefault();
        show(chart, chart.at + step);
      });
    }
  }

  // --- long tables, a page at a time; the rows are text

  function pages(list) {
    const { rows, size } = read(list.dataset.pages);
    const body = list.querySelector("tbody"), patterns = [...body.rows[0].cells].map((cell) => cell.className);
    const toned = Number(list.dataset.toned ?? -1);  // the column whose word is the name of its colour
    const shown = make("output"), last = Math.ceil(rows.length / size) - 1;
    let page = 0;
    const turn = (to) => {
      page = Math.min(Math.max(to, 0), last);
      const part = rows.slice(page * size, (page + 1) * size);
      body.replaceChildren(...part.map((row) => {
        const cells = row.map((textContent, i) => make("td", { textContent, className: i === toned ? textContent.toLowerCase() : patterns[i] }));
        return make("tr", {}, ...cells);
      }));
      shown.value = `${(page * size + 1).toLocaleString("en-US")} to ${(page * size + part.length).toLocaleString("en-US")} of ${rows.length.toLocaleString("en-US")}`;
      buttons.forEach((button, i) => (button.disabled = i < 2 ? page === 0 : page === last));
    };
    const moves = [["Latest", () => 0], ["Later", () => page - 1], ["Earlier", () => page + 1], ["Earliest", () => last]];
    const buttons = moves.map(([textContent, to]) => make("button", { type: "button", textContent, onclick: () => turn(to()) }));
    const bar = make("p", { className: "pager" }, ...buttons.slice(0, 2), shown, ...buttons.slice(2));
    if (last > 0) list.after(bar);
    turn(0);
  }
})();
