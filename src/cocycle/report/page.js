"use strict";
(function () {
  var PALETTES = {
    light: { ink: "#1a1d21", soft: "#5b636d", grid: "#e6e9ec", blue: "#0072b2", orange: "#d55e00", green: "#00795a",
             purple: "#a3508c", sky: "#3a9bd0", red: "#b3261e", grey: "#9aa3ac", "blue-soft": "rgba(0,114,178,0.20)",
             "blue-none": "rgba(0,114,178,0)", "orange-soft": "rgba(213,94,0,0.14)", "grey-soft": "rgba(120,130,140,0.16)" },
    dark: { ink: "#e8eaed", soft: "#a3acb6", grid: "#2e343b", blue: "#56b4e9", orange: "#f0a04b", green: "#3fcf9f",
            purple: "#df9fcb", sky: "#9bd3f5", red: "#ff8f85", grey: "#77818c", "blue-soft": "rgba(86,180,233,0.25)",
            "blue-none": "rgba(86,180,233,0)", "orange-soft": "rgba(240,160,75,0.20)", "grey-soft": "rgba(160,170,180,0.18)" }
  };
  var figures = JSON.parse(document.getElementById("figures").textContent);
  var darkQuery = window.matchMedia("(prefers-color-scheme: dark)");
  var printing = false;

  function paint(value, palette) {
    if (typeof value === "string") {
      return value.charAt(0) === "@" && palette[value.slice(1)] ? palette[value.slice(1)] : value;
    }
    if (Array.isArray(value)) return value.map(function (v) { return paint(v, palette); });
    if (value && typeof value === "object") {
      var out = {};
      Object.keys(value).forEach(function (key) { out[key] = key === "bdata" ? value[key] : paint(value[key], palette); });
      return out;
    }
    return value;
  }

  function dress(layout, palette, narrow) {
    var axis = { gridcolor: palette.grid, zeroline: false, exponentformat: "power", minexponent: 6, linecolor: palette.grid, tickfont: { size: narrow ? 11 : 12 },
                 title: { font: { size: narrow ? 12 : 13, color: palette.soft } } };
    var out = Object.assign({ paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", autosize: true,
      font: { family: getComputedStyle(document.body).fontFamily, size: 12, color: palette.ink },
      margin: { l: narrow ? 44 : 56, r: 12, t: 12, b: 46 }, hoverlabel: { font: { size: 12 } }, dragmode: narrow ? false : "zoom" },
      layout);
    Object.keys(out).filter(function (k) { return /^[xy]axis/.test(k); }).forEach(function (k) {
      var own = out[k];
      out[k] = Object.assign({}, axis, own);
      out[k].title = Object.assign({}, axis.title, own.title || {});
    });
    if (out.legend) out.legend = Object.assign({ bgcolor: "rgba(0,0,0,0)", font: { size: 11 } }, out.legend);
    if (out.scene) ["xaxis", "yaxis", "zaxis"].forEach(function (k) {
      out.scene[k] = Object.assign({ gridcolor: palette.grid, color: palette.soft, backgroundcolor: "rgba(0,0,0,0)" }, out.scene[k]);
    });
    return out;
  }

  function draw(element, plot) {
    var palette = PALETTES[darkQuery.matches && !printing ? "dark" : "light"];
    var narrow = element.clientWidth < 480;
    var painted = paint({ data: plot.data, layout: plot.layout }, palette);
    return Plotly.react(element, painted.data, dress(painted.layout, palette, narrow),
      { responsive: false, displayModeBar: false, scrollZoom: false, doubleClick: "reset" });
  }

  // Cards change their width with the page, the scrollbar and the paper: each plot follows its own card.
  var widths = new ResizeObserver(function (entries) {
    entries.forEach(function (entry) {
      if (entry.target.data && entry.contentRect.width > 0) Plotly.Plots.resize(entry.target);
    });
  });

  function drawAll() {
    document.querySelectorAll(".plot[data-figure]").forEach(function (element) {
      draw(element, figures[element.dataset.figure].panels[Number(element.dataset.panel)]);
      widths.observe(element);
    });
    document.querySelectorAll("details.space[open]").forEach(function (details) {
      draw(details.querySelector(".plot"), figures[details.dataset.figure].extra);
    });
  }

  document.querySelectorAll("details.space").forEach(function (details) {
    details.addEventListener("toggle", function () {
      if (!details.open) return;
      var target = details.querySelector(".plot");
      try { draw(target, figures[details.dataset.figure].extra); }
      catch (error) { target.textContent = "This browser shows no three-dimensional figures (WebGL is off)."; }
    });
  });
  darkQuery.addEventListener("change", drawAll);
  window.addEventListener("beforeprint", function () { printing = true; drawAll(); });
  window.addEventListener("afterprint", function () { printing = false; drawAll(); });
  var button = document.getElementById("download");
  if (button) button.addEventListener("click", function () {
    var numbers = document.getElementById("report");
    var text = JSON.stringify(JSON.parse(numbers.textContent), null, 2);
    var link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text + "\n"], { type: "application/json" }));
    link.download = numbers.dataset.file;
    link.click();
    setTimeout(function () { URL.revokeObjectURL(link.href); }, 1000);
  });
  drawAll();
})();
