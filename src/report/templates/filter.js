// Filters scenarios by verdict and text. The page reads without it.
(function () {
  var buttons = document.querySelectorAll("[data-show]");
  var search = document.getElementById("search");
  var state = "all";
  function apply() {
    var text = search.value.toLowerCase();
    document.querySelectorAll("[data-verdict]").forEach(function (e) {
      var byVerdict = state === "all" || e.dataset.verdict === state;
      var byText = !text || e.dataset.text.toLowerCase().indexOf(text) >= 0;
      e.hidden = !(byVerdict && byText);
    });
    buttons.forEach(function (b) { b.setAttribute("aria-pressed", String(b.dataset.show === state)); });
  }
  buttons.forEach(function (b) { b.addEventListener("click", function () { state = b.dataset.show; apply(); }); });
  search.addEventListener("input", apply);
  function open() {
    var target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    for (var e = target; e; e = e.parentElement) { if (e.tagName === "DETAILS") { e.open = true; } }
    if (target) { target.scrollIntoView(); }
  }
  window.addEventListener("hashchange", open);
  open();
})();
