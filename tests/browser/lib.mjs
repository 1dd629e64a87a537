// What every browser script needs: Debian's Chromium, two window sizes, screenshots, an accessibility check, and a
// list of what went wrong in the pages (errors on the console, violations of the content security policy among them).
// Must not know Countersign's pages.

import { mkdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const here = path.dirname(fileURLToPath(import.meta.url));
const axePath = createRequire(import.meta.url).resolve('axe-core/axe.min.js');

/** Where screenshots go. */
export const screenshotFolder = path.join(here, '../../target/screenshots');

/** The two sizes every page must be good at. */
export const sizes = {
  desktop: { width: 1280, height: 800 },
  phone: { width: 360, height: 740 },
};

/** Milliseconds any single step may take. */
const STEP_WITHIN_MS = 45_000;

/** Launches Debian's Chromium with nothing that talks to the network by itself. */
export function launch() {
  return chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: [
      '--no-sandbox',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}

/** What went wrong in any page so far: console errors and warnings, uncaught exceptions. */
export const troubles = [];

/** A look that a later one replaces is given up, as `hx-sync` asks; htmx says so on the console. What fails says more. */
const GIVEN_UP = /^htmx:(sendAbort|afterRequest)\b/;

/**
 * Opens `url` in a fresh context of the given size (`sizes.desktop`, `sizes.phone`) and returns the page; `dots` is
 * the number of device pixels for each of the page's.
 */
export async function openPage(browser, url, size = sizes.desktop, dots = 1) {
  const context = await browser.newContext({
    viewport: size,
    hasTouch: size === sizes.phone,
    deviceScaleFactor: dots,
    // The certificate comes from a throw-away authority that Chromium cannot be told about without writing a
    // certificate store. Only these contexts ignore it; that people's programs verify it is proved by the psql
    // and API tests.
    ignoreHTTPSErrors: true,
  });
  context.setDefaultTimeout(STEP_WITHIN_MS);
  context.on('console', (said) => {
    const bad = ['error', 'warning'].includes(said.type()) && !GIVEN_UP.test(said.text());
    if (bad) troubles.push(`${said.page()?.url()}: ${said.text()}`);
  });
  context.on('weberror', (thrown) => troubles.push(`${thrown.page()?.url()}: ${thrown.error().message}`));
  const page = await context.newPage();
  await page.goto(url);
  return page;
}

/** Saves a screenshot of the whole page as `target/screenshots/<name>.png` and returns its path. */
export async function screenshot(page, name, options = {}) {
  await mkdir(screenshotFolder, { recursive: true });
  const file = path.join(screenshotFolder, `${name}.png`);
  await page.screenshot({ path: file, fullPage: true, ...options });
  return file;
}

/** Throws when axe finds a violation of impact serious or critical. */
export async function checkAccessibility(page) {
  // Evaluated through the debugger, so that a page's content security policy does not stand in the way.
  await page.evaluate(await readFile(axePath, 'utf8'));
  const { violations } = await page.evaluate(() => globalThis.axe.run());
  const grave = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
  if (grave.length > 0) {
    const lines = grave.map(
      ({ id, impact, help, nodes }) =>
        `${id} (${impact}): ${help}: ${nodes.map(({ target }) => target.join(' ')).join(', ')}`,
    );
    throw new Error(`accessibility violations on ${page.url()}:\n${lines.join('\n')}`);
  }
}

/** Throws when the page is wider than its window. */
export async function checkWidth(page) {
  const wide = await page.evaluate(() => {
    const room = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth <= room) return null;
    const beyond = [...document.body.querySelectorAll('*')].filter((e) => e.getBoundingClientRect().right > room + 1);
    return beyond.map((e) => `${e.tagName.toLowerCase()}.${e.className}`).slice(0, 5).join(', ');
  });
  if (wide !== null) throw new Error(`${page.url()} is wider than its window: ${wide}`);
}

/** Adds a virtual passkey authenticator (CTAP2, resident key, user verified); the page must be at localhost. */
export async function addAuthenticator(page) {
  const session = await page.context().newCDPSession(page);
  await session.send('WebAuthn.enable');
  const { authenticatorId } = await session.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2',
      transport: 'internal',
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
    },
  });
  return { session, authenticatorId };
}
