/** The look of the reference page; a file of its own, so that no policy has to allow styles inside the page. */
export const REFERENCE_STYLE = `
:root { color-scheme: light dark; --ink: #1c2430; --soft: #5b6675; --line: #dde3ea; --back: #fff; --panel: #f6f8fa; --link: #0b5cad; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e4e9f0; --soft: #9aa6b5; --line: #2c3542; --back: #10151c; --panel: #18202a; --link: #7db8f5; }
}
* { box-sizing: border-box; }
html { scroll-padding-top: 1rem; }
body { margin: 0; display: grid; grid-template-columns: 19rem minmax(0, 1fr); color: var(--ink); background: var(--back);
  font: 16px/1.55 system-ui, sans-serif; }
nav { position: sticky; top: 0; height: 100vh; overflow-y: auto; padding: 1.5rem 1rem; border-right: 1px solid var(--line);
  background: var(--panel); font-size: 0.875rem; }
nav h2 { margin: 1.2rem 0 0.3rem; font-size: 0.75rem; letter-spacing: 0.05em; text-transform: uppercase; color: var(--soft); }
nav ul { list-style: none; margin: 0; padding: 0; }
nav a { display: block; padding: 0.1rem 0; color: inherit; text-decoration: none; overflow-wrap: anywhere; }
nav a:hover { color: var(--link); }
main { padding: 2rem clamp(1rem, 4vw, 3.5rem) 6rem; max-width: 62rem; }
a { color: var(--link); }
h1 { margin: 0 0 0.5rem; font-size: 1.9rem; line-height: 1.2; }
main > h2 { margin: 3rem 0 0; padding-bottom: 0.3rem; border-bottom: 1px solid var(--line); text-transform: capitalize; }
section { padding: 1.4rem 0 1rem; border-bottom: 1px solid var(--line); }
section h3 { margin: 0; font-size: 1.05rem; }
h4 { margin: 1rem 0 0.3rem; font-size: 0.875rem; color: var(--soft); font-weight: 600; }
p { margin: 0.4rem 0; }
.access { color: var(--soft); font-size: 0.9rem; }
.route { font: 600 0.95rem/1.5 ui-monospace, monospace; overflow-wrap: anywhere; }
.method { display: inline-block; min-width: 4.2rem; margin-right: 0.5rem; padding: 0 0.4rem; border-radius: 4px; text-align: center;
  color: #fff; background: #1a7f4b; font-size: 0.8rem; }
.method.post { background: #0b5cad; }
.method.delete { background: #b3261e; }
code, pre { font-family: ui-monospace, monospace; font-size: 0.85em; }
code { overflow-wrap: anywhere; }
pre { margin: 0.3rem 0; padding: 0.8rem 1rem; overflow-x: auto; border: 1px solid var(--line); border-radius: 6px; background: var(--panel);
  line-height: 1.45; }
table { width: 100%; border-collapse: collapse; font-size: 0.9rem; }
th { text-align: left; color: var(--soft); font-weight: 600; font-size: 0.8rem; }
th, td { padding: 0.3rem 0.8rem 0.3rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
td:first-child { width: 14rem; overflow-wrap: anywhere; }
td:nth-child(2) { width: 13rem; overflow-wrap: anywhere; }
.required { color: #b3261e; font-size: 0.75rem; }
@media (prefers-color-scheme: dark) { .required { color: #ff8a80; } }
summary { cursor: pointer; color: var(--soft); font-size: 0.875rem; padding: 0.3rem 0; }
@media (max-width: 52rem) {
  body { display: block; }
  nav { position: static; height: auto; max-height: 40vh; border-right: 0; border-bottom: 1px solid var(--line); }
}
@media print { nav { display: none; } body { display: block; } }
`.trimStart();
