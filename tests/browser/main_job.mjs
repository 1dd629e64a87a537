// The main job between people who each have a browser open: reserve, approve on a phone, connect with psql, a held
// statement reaches an open inbox, is approved by keyboard and runs once.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { checkAccessibility, checkWidth, launch, screenshot, sizes, troubles } from './lib.mjs';
import { signIn } from './shop.mjs';

/** How long anything may take that should take milliseconds, on a loaded machine. */
const SOON_MS = 20_000;
const UPDATE = "UPDATE customers SET city = 'Izmir', changes = changes + 1 WHERE id = 2;";

/** `promise`, or an error when it takes too long. */
async function soon(promise, what) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not within ${SOON_MS} ms: ${what}`)), SOON_MS);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Marks the document, so that {@link assertNotReloaded} knows it again. */
const mark = (page) => page.evaluate(() => void (globalThis.marked = true));

async function assertNotReloaded(page) {
  assert.equal(await page.evaluate(() => globalThis.marked), true, 'the page was loaded again');
}

/** Resolves with the time (of this machine) at which `selector` is in the page. */
function appears(page, selector) {
  return page.evaluate(
    (wanted) =>
      new Promise((resolve) => {
        const look = () => {
          if (!document.querySelector(wanted)) return;
          observer.disconnect();
          resolve(Date.now());
        };
        const observer = new MutationObserver(look);
        observer.observe(document, { childList: true, subtree: true, attributes: true, characterData: true });
        look();
      }),
    selector,
  );
}

/** psql with the command and the token that the Connect page shows, in the folder where its certificate was saved. */
function startPsql(command, token, cwd) {
  const [, parameters] = /^psql "([^"]*)"$/.exec(command) ?? assert.fail(`no psql command: ${command}`);
  const env = { ...process.env, PGPASSWORD: token, LC_ALL: 'C.UTF-8' };
  const psql = spawn('psql', ['-X', '-w', '-A', '-t', parameters], { env, cwd });
  const text = { stdout: '', stderr: '' };
  const waiting = [];
  for (const stream of ['stdout', 'stderr']) {
    psql[stream].setEncoding('utf8').on('data', (part) => {
      text[stream] += part;
      const at = Date.now();
      waiting.filter((w) => w.stream === stream && text[stream].includes(w.wanted)).forEach((w) => w.resolve(at));
    });
  }
  const said = (stream, wanted) =>
    soon(new Promise((resolve) => waiting.push({ stream, wanted, resolve })), `psql says ${wanted}`).catch((error) =>
      assert.fail(`${error.message}\n${text.stdout}\n${text.stderr}`),
    );
  return { send: (sql) => psql.stdin.write(`${sql}\n`), said, kill: () => psql.kill(), text };
}

async function reserve(alice) {
  await alice.getByRole('link', { name: 'Reserve app_rw@prod-db' }).click();
  const asked = alice.getByRole('complementary', { name: 'Who will be asked' });
  await asked.getByText('Mia Laurent').waitFor();
  await alice.getByLabel('Reason').fill('Ticket 4711: wrong city for customer 2, reported by support');
  await alice.getByRole('button', { name: 'Send request' }).click();
  await alice.waitForURL(/\/requests\/\d+/);
  await alice.locator('.card .status', { hasText: 'Pending' }).waitFor();
}

async function approveOnPhone(mia) {
  const card = mia.locator('article.card', { hasText: 'Alice Adams' });
  await card.waitFor({ timeout: SOON_MS });
  await assertNotReloaded(mia);
  await screenshot(mia, 'main-job-inbox-phone');
  await card.getByRole('heading').getByRole('link').tap();
  await mia.waitForURL(/\/requests\/\d+/);
  const approve = mia.getByRole('button', { name: 'Approve' });
  const box = await approve.boundingBox();
  assert.ok(box.y > sizes.phone.height / 2 && box.y + box.height <= sizes.phone.height, 'Approve is within reach');
  assert.ok(box.height >= 44, 'Approve is large enough to touch');
  await checkWidth(mia);
  await checkAccessibility(mia);
  await screenshot(mia, 'main-job-detail-phone', { fullPage: false });
  await withoutNetwork(mia, approve);
  await approve.tap();
  await mia.locator('.notice-good').waitFor();
  await mia.locator('#count-bottom:empty').waitFor({ state: 'attached' });
  await screenshot(mia, 'main-job-approved-phone');
}

/** A tap that is not sent says so, and so does a page that is no longer up to date. */
async function withoutNetwork(mia, approve) {
  await mia.context().setOffline(true);
  await mia.getByText('Not up to date: no connection').waitFor();
  await approve.tap();
  await mia.getByText('Not sent: no connection. Try again.').waitFor();
  await screenshot(mia, 'main-job-not-sent-phone', { fullPage: false });
  await mia.locator('.card .status', { hasText: 'Pending' }).waitFor();
  await mia.context().setOffline(false);
  await mia.locator('#offline').waitFor({ state: 'hidden' });
  // The browser writes down what it could not fetch.
  const ours = troubles.filter((trouble) => !/ERR_INTERNET_DISCONNECTED|htmx:(sendError|sseError|afterRequest)/.test(trouble));
  troubles.splice(0, troubles.length, ...ours);
}

async function connect(alice, folder) {
  await alice.goto(new URL('/', alice.url()).href);
  await alice.getByRole('link', { name: 'Connect to app_rw@prod-db' }).click();
  await alice.getByRole('button', { name: 'Get an access token' }).click();
  await alice.locator('#token').waitFor();
  const saved = alice.waitForEvent('download');
  await alice.getByRole('link', { name: 'Save countersign-ca.pem' }).click();
  const certificate = await saved;
  await certificate.saveAs(path.join(folder, certificate.suggestedFilename()));
  return startPsql(await alice.locator('#command').innerText(), await alice.locator('#token').innerText(), folder);
}

const browser = await launch();
const folder = await mkdtemp(path.join(tmpdir(), 'countersign-'));
let psql;
try {
  const alice = await signIn(browser, 'alice', '/');
  const mia = await signIn(browser, 'mia', '/approvals', sizes.phone);
  const dora = await signIn(browser, 'dora', '/approvals');
  await mia.getByRole('heading', { name: 'Nothing waits for you' }).waitFor();
  await mark(mia);

  await reserve(alice);
  await mark(alice);
  await approveOnPhone(mia);
  await alice.locator('.card .status', { hasText: 'Approved' }).waitFor({ timeout: SOON_MS });
  await assertNotReloaded(alice);

  psql = await connect(alice, folder);
  psql.send("SELECT 'connected';");
  await psql.said('stdout', 'connected');
  await mark(dora);
  const appeared = appears(dora, 'article.card .evidence');
  const noticed = psql.said('stderr', 'NOTICE');
  psql.send(UPDATE);
  const [inPsql, inInbox] = await Promise.all([noticed, soon(appeared, 'the held statement in the inbox')]);
  console.log(`held statement in the open inbox ${inInbox - inPsql} ms after the NOTICE in psql`);
  await assertNotReloaded(dora);
  const text = await dora.locator('article.card .sql').innerText();
  assert.ok(text.includes(UPDATE), text);
  await screenshot(dora, 'main-job-held-desktop');

  await dora.keyboard.press('a');
  await dora.waitForFunction(() => document.activeElement?.value === 'approve');
  assert.equal(psql.text.stdout.includes('UPDATE'), false);
  const ran = psql.said('stdout', 'UPDATE 1');
  const pressed = Date.now();
  await dora.keyboard.press('a');
  console.log(`psql had its UPDATE 1 ${(await ran) - pressed} ms after the key was pressed`);
  await dora.getByRole('heading', { name: 'Nothing waits for you' }).waitFor();
  assert.deepEqual(troubles, []);
} finally {
  psql?.kill();
  await browser.close();
  await rm(folder, { recursive: true });
}
