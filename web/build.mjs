// Builds what the pages load into dist/: one script and one style sheet, those of the player, the icons, the mark.
// Must not know the pages; it is run by `npm run build`.

import { build } from 'esbuild';
import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const here = path.dirname(fileURLToPath(import.meta.url));
const dist = path.join(here, 'dist');

/** Every icon a template may name; a name that is not here shows nothing, and a test says so. */
const icons = [
  'badge-check', 'ban', 'check', 'chevron-right', 'circle', 'circle-dashed', 'circle-dot', 'circle-question-mark', 'contact-round',
  'copy', 'database', 'download', 'ellipsis', 'hourglass', 'id-card', 'inbox', 'key-round', 'list-checks', 'lock', 'log-out',
  'menu', 'minus', 'monitor-dot', 'play', 'plug-zap', 'scale', 'scroll-text', 'settings', 'sliders-horizontal', 'search', 'send', 'slash', 'stamp', 'triangle-alert',
  'user', 'user-plus', 'users', 'waypoints', 'x',
];

/** The inside of an icon's drawing, without its frame. */
async function drawing(name) {
  const file = path.join(here, 'node_modules/lucide-static/icons', `${name}.svg`);
  const svg = await readFile(file, 'utf8');
  const inside = /<svg[^>]*>([\s\S]*)<\/svg>/.exec(svg);
  if (!inside) throw new Error(`the icon ${name} has no drawing`);
  return inside[1].replace(/\s+/g, ' ').trim();
}

await rm(dist, { recursive: true, force: true });
await mkdir(dist, { recursive: true });
await build({
  entryPoints: ['app.ts', 'app.css', 'player.ts', 'player.css'].map((name) => path.join(here, 'src', name)),
  outdir: dist,
  bundle: true,
  minify: true,
  format: 'iife',
  target: ['es2022', 'chrome110', 'firefox115', 'safari16.4'],
  legalComments: 'eof',
  logLevel: 'warning',
});
const drawings = await Promise.all(icons.map(async (name) => [name, await drawing(name)]));
await writeFile(path.join(dist, 'icons.json'), JSON.stringify(Object.fromEntries(drawings)));
await copyFile(path.join(here, 'src/favicon.svg'), path.join(dist, 'favicon.svg'));
