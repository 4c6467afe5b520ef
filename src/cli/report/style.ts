// The style sheet of the page: one column of text, charts in two columns where there is room, one color for
// training and model, one for held-out rows. Both color schemes have the contrast of WCAG 2, level AA.

/** Colors of one scheme. */
export interface Scheme {
  /** Background of the page. */
  readonly page: string;
  /** Background of raised parts. */
  readonly raised: string;
  /** Text. */
  readonly text: string;
  /** Text of less weight. */
  readonly quiet: string;
  /** Lines between rows, and the grid of charts. */
  readonly rule: string;
  /** Axes, guides and the second class. */
  readonly other: string;
  /** The training and the model. */
  readonly train: string;
  /** Held-out rows. */
  readonly valid: string;
}

/** Colors on a light page. */
export const LIGHT: Scheme = {
  page: "#fdfdfb",
  raised: "#f4f4ef",
  text: "#1d2126",
  quiet: "#59616b",
  rule: "#dfdfd8",
  other: "#767d86",
  train: "#2257a8",
  valid: "#ad4a0a",
};

/** Colors on a dark page. */
export const DARK: Scheme = {
  page: "#14171b",
  raised: "#1d2127",
  text: "#e7e9ec",
  quiet: "#a2abb6",
  rule: "#323841",
  other: "#8b949f",
  train: "#86b3f7",
  valid: "#f2a263",
};

function variables(scheme: Scheme): string {
  return Object.entries(scheme)
    .map(([name, color]) => `--${name}:${color as string}`)
    .join(";");
}

/** The style sheet. */
export const STYLE: string = `
:root{color-scheme:light dark;--shade:color-mix(in srgb,var(--other) 40%,transparent);${variables(LIGHT)}}
@media (prefers-color-scheme:dark){:root{${variables(DARK)}}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;text-size-adjust:100%}
body{margin:0;background:var(--page);color:var(--text);font:16px/1.55 system-ui,-apple-system,"Segoe UI",
Roboto,
"Helvetica Neue",Arial,sans-serif;overflow-wrap:break-word}
.page{max-width:62rem;margin:0 auto;padding:2.5rem 2rem 4rem}
h1{font-size:1.9rem;line-height:1.2;margin:0 0 .4rem;letter-spacing:-.01em;overflow-wrap:anywhere}
h2{font-size:1.25rem;line-height:1.3;margin:3.25rem 0 .75rem;padding-top:1rem;
border-top:1px solid var(--rule)}
h3{font-size:1rem;margin:2rem 0 .5rem}
p,ul{margin:0 0 .9rem;max-width:44rem}
a{color:var(--train);text-underline-offset:.15em}
:focus-visible{outline:2px solid var(--train);outline-offset:2px}
code,pre{font:.875em/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace}
pre{margin:0 0 .9rem;padding:.7rem .9rem;background:var(--raised);border-radius:6px;white-space:pre-wrap;
overflow-wrap:anywhere}
.quiet,.note,.meta{color:var(--quiet)}
.note{font-size:.875rem;margin:.4rem 0 0}
nav ul{list-style:none;padding:0;margin:1rem 0 0;display:flex;flex-wrap:wrap;gap:.1rem 1.1rem;
font-size:.9375rem}
nav a{display:inline-block;padding:.25rem 0}
.figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(9.5rem,1fr));gap:1.25rem 1.5rem;
margin:1.75rem 0 1.25rem;
padding:1.1rem 1.25rem;background:var(--raised);border-radius:8px}
.figures div{display:flex;flex-direction:column}
.figures dt{font-size:.875rem;color:var(--quiet)}
.figures dd{margin:0;font-size:1.5rem;line-height:1.25;font-weight:600;font-variant-numeric:tabular-nums}
.figures dd.first{color:var(--valid)}
.figures dd.first.of-training{color:var(--train)}
.figures dd small{display:block;font-size:.875rem;line-height:1.4;font-weight:400;color:var(--quiet)}
.notices{margin:1.25rem 0;padding:.8rem 1.25rem;border:1px solid var(--rule);
border-left:4px solid var(--valid);
border-radius:6px}
.notices h2{all:unset;display:block;font-weight:600;margin-bottom:.3rem}
.notices ul{margin:0;padding-left:1.1rem;max-width:none}
.notices .only{list-style:none;padding:0}
.notices li+li{margin-top:.35rem}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,23rem),1fr));gap:2rem 2.5rem;
margin:1.25rem 0}
figure{margin:0;min-width:0;max-width:32rem}
figcaption{font-weight:600;margin-bottom:.15rem}
.legend{list-style:none;display:flex;flex-wrap:wrap;gap:0 1.1rem;margin:0 0 .35rem;padding:0;
font-size:.875rem;
color:var(--quiet)}
.legend li{display:flex;align-items:center;gap:.45rem;min-width:0;overflow-wrap:anywhere}
.key{flex:none;display:inline-block}
.key.line{width:1.4rem;border-top:2.5px solid var(--other)}
.key.line.train{border-top:2.5px dashed var(--train)}
.key.line.train.solid{border-top-style:solid}
.key.line.valid{border-color:var(--valid)}
.key.line.guide{border-top:1.5px dashed var(--other)}
.key.box,.key.dot{width:.8rem;height:.8rem;border:2px solid var(--train);border-radius:2px}
.key.box.train{background:color-mix(in srgb,var(--train) 22%,transparent)}
.key.box.other{border-color:var(--other);background:color-mix(in srgb,var(--other) 22%,transparent)}
.key.dot{width:.5rem;height:.5rem;border:0;border-radius:50%;background:var(--valid)}
.key.best{width:.75rem;height:.75rem;border:2.5px solid var(--text);border-radius:50%}
.nothing{display:flex;align-items:center;justify-content:center;text-align:center;min-height:9rem;
margin:.35rem 0 0;
padding:1rem;border:1px dashed var(--rule);border-radius:6px;color:var(--quiet)}
svg{display:block;overflow:visible;width:100%;height:auto;font-family:inherit}
svg text{fill:var(--quiet);font-size:12px;font-variant-numeric:tabular-nums}
svg text.name{fill:var(--text)}
svg path{fill:none}
svg .grid{stroke:var(--rule)}
svg .axis{stroke:var(--other)}
svg .guide{stroke:var(--other);stroke-width:1.25;stroke-dasharray:4 4}
svg .guide.strong{stroke:var(--text)}
svg .line{stroke-width:2;stroke-linejoin:round}
svg .line.train{stroke:var(--train);stroke-dasharray:6 4}
svg .line.train.solid{stroke-dasharray:none}
svg .line.valid{stroke:var(--valid)}
svg .line.other{stroke:var(--other)}
svg .fill.train{fill:var(--train);fill-opacity:.18}
svg .edge{stroke:var(--train);stroke-opacity:.6}
svg .fill.other{fill:var(--other);fill-opacity:.2}
svg .whisker{stroke:var(--valid);stroke-width:1.5;stroke-opacity:.65}
svg .cloud{stroke:var(--valid);stroke-width:4.5;stroke-linecap:round;stroke-opacity:.4}
svg circle.train{fill:var(--train)}
svg circle.valid{fill:var(--valid)}
svg circle.best{fill:none;stroke:var(--text);stroke-width:2.25}
svg .bar{fill:var(--valid);fill-opacity:.75}
.scroll{overflow-x:auto;margin:.5rem 0 .9rem;background:linear-gradient(to right,var(--page) 40%,
transparent) local,
linear-gradient(to left,var(--page) 40%,transparent) right local,
linear-gradient(to right,var(--shade),transparent) scroll,
linear-gradient(to left,var(--shade),transparent) right scroll;background-repeat:no-repeat;
background-size:2.5rem 100%,2.5rem 100%,.75rem 100%,.75rem 100%}
table{border-collapse:collapse;width:100%;font-size:.9375rem}
th,td{padding:.42rem .7rem;text-align:left;vertical-align:baseline;border-bottom:1px solid var(--rule)}
th:first-child,td:first-child{padding-left:0}
th:last-child,td:last-child{padding-right:0}
thead th{font-weight:600;font-size:.875rem;color:var(--quiet);white-space:nowrap}
tbody th{font-weight:400}
th.number,td.number{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
th.name{min-width:7rem;overflow-wrap:anywhere}
td.wide{min-width:8rem;overflow-wrap:anywhere}
td.bar{width:34%;min-width:6rem}
.meter{display:block;height:.62rem;border-radius:2px;background:var(--train)}
td strong{color:var(--valid)}
.set{font-weight:600}
details{margin:.6rem 0}
summary{cursor:pointer;color:var(--train);padding:.25rem 0}
footer{margin-top:3.5rem;padding-top:1rem;border-top:1px solid var(--rule);font-size:.875rem;
color:var(--quiet)}
@media (max-width:40rem){
.page{padding:1.5rem 1rem 3rem}
h1{font-size:1.5rem}
h2{margin-top:2.5rem}
.figures{grid-template-columns:1fr 1fr;padding:1rem;gap:1rem}
.figures dd{font-size:1.25rem}
svg text{font-size:14px}
table{font-size:.875rem}
th,td{padding:.42rem .4rem}
}
@media print{
:root{color-scheme:light;${variables(LIGHT)}}
.page{max-width:none;padding:0}
nav{display:none}
.charts{grid-template-columns:1fr 1fr;gap:1.5rem}
.figures{grid-template-columns:repeat(5,1fr)}
.figures dd{font-size:1.15rem}
.scroll{overflow:visible}
figure,tr,.notices,.figures{break-inside:avoid}
h2,h3,figcaption{break-after:avoid}
.meter,svg,.key,.figures,pre{print-color-adjust:exact;-webkit-print-color-adjust:exact}
details::details-content{content-visibility:visible;block-size:auto}
}
`;
