// Every page at both sizes: no grave accessibility violation, nothing wider than the window, no error on the console;
// most of it in both colour schemes. Screenshots of all of them go to target/screenshots.

import assert from 'node:assert/strict';
import { checkAccessibility, checkWidth, launch, openPage, screenshot, sizes, troubles } from './lib.mjs';
import { address, passwordOf, signIn } from './shop.mjs';

/** Statements to be run: two that a rule holds, one that nobody needs to approve, one that is not understood. */
const PLAN = `UPDATE customers SET city = 'Porto' WHERE id = 1;
UPDATE customers
   SET city = 'Izmir'
 WHERE id = 2;
SELECT count(*) FROM orders;
DO $$ BEGIN PERFORM pg_notify('moved', '2'); END $$;`;

const SCHEMES = { all: ['light', 'dark'], light: ['light'] };

/** Checks and photographs the page at both sizes. */
async function survey(page, name, schemes = SCHEMES.light) {
  for (const [sizeName, size] of Object.entries(sizes)) {
    await page.setViewportSize(size);
    for (const colorScheme of schemes) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      await screenshot(page, `${name}-${sizeName}${colorScheme === 'dark' ? '-dark' : ''}`);
      await checkAccessibility(page);
    }
    await checkWidth(page);
  }
  await page.emulateMedia({ colorScheme: 'light' });
  await page.setViewportSize(sizes.desktop);
}

/** The address a link leads to. */
async function linked(page, name) {
  return address + (await page.getByRole('link', { name }).first().getAttribute('href'));
}

async function signedOut(browser) {
  const page = await openPage(browser, `${address}/sign-in`);
  await survey(page, 'sign-in', SCHEMES.all);
}

async function asker(browser) {
  const page = await signIn(browser, 'alice', '/');
  await survey(page, 'my-access', SCHEMES.all);
  await page.goto(await linked(page, 'Reserve app_rw@prod-db'));
  await survey(page, 'reserve', SCHEMES.all);
  await choose(page);
  await page.goto(`${address}/devices`);
  await survey(page, 'devices', SCHEMES.all);
  assert.equal(await linked(page, 'Reservation of app_rw@prod-db'), await reserving(page));
  await page.goto(`${address}/my-requests`);
  await survey(page, 'my-requests');
  await page.goto(`${address}/`);
  await page.goto(await linked(page, 'Connect to app_rw@prod-db'));
  await page.getByRole('button', { name: 'Get an access token' }).click();
  await page.locator('#token').waitFor();
  await survey(page, 'connect');
  await page.goto(`${address}/profile`);
  await survey(page, 'profile', SCHEMES.all);
  await registers(page);
  await page.locator('form[action="/profile/second-factor"] input[type="password"]').fill(passwordOf('alice'));
  await page.getByRole('button', { name: 'Set up' }).click();
  await page.locator('.squares svg').waitFor();
  await survey(page, 'profile-second-factor', SCHEMES.all);
}

/** A key on one's own profile: what is none is refused beside its field, and one that is stands in the list. */
async function registers(page) {
  const fill = async (key) => {
    await page.locator('#key').fill(key);
    await page.locator('#key-password').fill(passwordOf('alice'));
    await page.getByRole('button', { name: 'Register key' }).click();
  };
  await page.locator('#key-name').fill('the laptop I travel with');
  await fill('ssh-rsa AAAA');
  await page.locator('#key-wrong').waitFor();
  assert.match(troubles.pop() ?? '', /\/profile\/keys: Failed to load resource: .* 422/);
  await survey(page, 'profile-key-wrong');
  assert.equal(await page.locator('#key-name').inputValue(), 'the laptop I travel with');
  await fill('ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGCp1fd+vwrBnwOBKcgMbLGkjntBHuvlb0RMORSCRvUt alice@laptop');
  await page.getByText('never used').waitFor();
  await survey(page, 'profile-key', SCHEMES.all);
}

/** Where one reserves what is on the page of one's access. */
async function reserving(page) {
  await page.goto(`${address}/`);
  return linked(page, 'Reserve app_rw@prod-db');
}

/** A free stretch of the calendar fills in from and until, by key and by pointer, and what was typed stays. */
async function choose(page) {
  const [start, end] = [page.locator('#start'), page.locator('#end')];
  await page.getByLabel('Reason').fill('kept while one looks for a time');
  const last = page.locator('#calendar a[data-start]').last();
  const given = { start: await last.getAttribute('data-start'), end: await last.getAttribute('data-end') };
  await last.focus();
  await page.keyboard.press('Enter');
  await page.locator('#calendar tr:last-child .wanted').waitFor();
  assert.deepEqual({ start: await start.inputValue(), end: await end.inputValue() }, given);
  const whole = page.locator('#calendar a[data-start]').last();
  const box = await whole.boundingBox();
  await whole.click({ position: { x: box.width / 2, y: box.height / 2 } });
  await page.waitForFunction((before) => document.querySelector('#start').value !== before, given.start);
  assert.match(await start.inputValue(), /T(0|1)\d:(00|30)$/, 'half hours, where it was pressed');
  await page.getByRole('link', { name: 'Later days' }).click();
  await page.getByRole('link', { name: 'Earlier days' }).waitFor();
  assert.equal(await page.getByLabel('Reason').inputValue(), 'kept while one looks for a time');
}

/** Whoever makes a rule sees what all of them would say together before anything is proposed. */
async function ruler(browser) {
  const page = await signIn(browser, 'ada', '/rules');
  await survey(page, 'rules', SCHEMES.all);
  await page.goto(`${address}/rules/edit?name=reserve-prod`);
  await survey(page, 'rule');
  await page.locator('#together').getByText('The same.').waitFor();
  await page.getByLabel('Demand').selectOption('deny');
  await page.locator('#together .badge-bad').waitFor();
  assert.equal(await page.locator('#workflow').isVisible(), false, 'nobody decides what is denied');
  await survey(page, 'rule-combined', SCHEMES.all);
  await page.goto(`${address}/rules/edit?name=customers-change`);
  await page.getByLabel('Find and add: Groups', { exact: true }).fill('dba');
  await page.keyboard.press('Enter');
  assert.equal(await page.getByLabel('Groups', { exact: false }).first().inputValue(), 'developers\ndba');
  await page.locator('#try_sql').fill('DROP TABLE customers');
  await page.getByRole('button', { name: 'Explain' }).click();
  await page.locator('#together').getByText('customers-change').first().waitFor();
  await survey(page, 'rule-query');
  await page.getByRole('button', { name: 'Show what would change' }).click();
  await page.getByText('~ rule customers-change').waitFor();
  await survey(page, 'planned', SCHEMES.all);
  await seen(page.getByLabel('Why'), sizes.desktop, 'the reason');
  await seen(page.getByRole('button', { name: 'Propose' }), sizes.desktop, 'Propose');
  await page.getByRole('button', { name: 'Back to the form' }).click();
  assert.equal(await page.locator('#groups').inputValue(), 'developers\ndba', 'what was typed is kept');
  await outdated(page);
  await page.goto(`${address}/rules/edit`);
  await page.locator('#together').getByText('Once the rule says').waitFor();
  await survey(page, 'rule-new');
}

/** Throws unless the whole of it is on the first screen. */
async function seen(locator, size, what) {
  await locator.page().evaluate(() => window.scrollTo(0, 0));
  const box = await locator.boundingBox();
  assert.ok(box && box.y >= 0 && box.y + box.height <= size.height, `${what} is seen without scrolling: ${JSON.stringify(box)}`);
}

/** An answer says that it is of another statement than the one that is typed now. */
async function outdated(page) {
  await page.locator('#together .sql').getByText('DROP').waitFor();
  assert.equal(await page.locator('.outdated').isVisible(), false);
  await page.locator('#try_sql').pressSequentially(' CASCADE');
  await page.locator('.outdated').waitFor();
  await page.getByRole('button', { name: 'Explain' }).click();
  await page.locator('#together .sql').getByText('CASCADE').waitFor();
  await page.locator('.outdated').waitFor({ state: 'hidden' });
}

/** On a phone: the menu closes on Escape and beside it, a request's card is its link, and what one taps is large enough. */
async function thumb(browser) {
  const page = await signIn(browser, 'ada', '/requests', sizes.phone);
  const menu = page.locator('.top details');
  const summary = page.locator('.top summary');
  await summary.click();
  await screenshot(page, 'menu-phone', { fullPage: false });
  await page.keyboard.press('Escape');
  assert.equal(await menu.getAttribute('open'), null, 'Escape closes the menu');
  await summary.click();
  await page.mouse.click(20, 500);
  assert.equal(await menu.getAttribute('open'), null, 'a tap beside it closes the menu');
  assert.ok(page.url().endsWith('/requests'), 'and does nothing else');
  for (const path of ['/requests', '/my-requests', '/approvals?status=decided', '/people', '/devices', '/sessions', '/rules',
    '/rules/edit', '/workflows/edit', '/profile']) {
    await page.goto(address + path);
    const small = await page.evaluate(() => [...document.querySelectorAll('main :is(a.button, button, summary, a.back, .check, .checks label, .kinds label, .tabs a)')]
      .filter((e) => e.checkVisibility() && e.getBoundingClientRect().height < 43.5).map((e) => `${e.textContent.trim()} ${e.getBoundingClientRect().height}`));
    assert.deepEqual(small, [], path);
  }
  await page.goto(`${address}/requests`);
  const row = page.locator('tr[data-item]').last();
  const place = row.locator('td[data-label="Status"]');
  await place.scrollIntoViewIfNeeded();
  const box = await place.boundingBox();
  await page.mouse.click(box.x + box.width / 2, box.y + box.height / 2);
  await page.waitForURL(/\/requests\/\d+/);
}

/** The rail at 1280 by 800: one's name and the way out are in sight, and nothing sticks out. */
async function rail(browser) {
  const page = await signIn(browser, 'ada', '/requests');
  await screenshot(page, 'rail', { fullPage: false });
  await seen(page.locator('.rail .person-chip'), sizes.desktop, 'one’s name');
  await seen(page.locator('.rail').getByRole('button', { name: 'Sign out' }), sizes.desktop, 'Sign out');
  const wide = await page.evaluate(() => [...document.querySelectorAll('.rail .nav')].filter((n) => n.scrollWidth > n.clientWidth).length);
  assert.equal(wide, 0, 'no line is wider than the rail');
}

/** People, groups, roles, devices and accounts, each as a list and as a form. */
async function keeper(browser) {
  const page = await signIn(browser, 'ada', '/people');
  for (const [path, name, schemes] of [['/people', 'people', SCHEMES.all], ['/people?text=nobody', 'people-none'],
    ['/people/edit', 'person-new'], ['/people/edit?name=alice', 'person'], ['/groups', 'groups', SCHEMES.all],
    ['/groups/edit?name=dba', 'group'], ['/devices', 'devices-all'], ['/devices/edit?name=prod-db', 'device'],
    ['/roles', 'roles-own', SCHEMES.all], ['/roles/edit', 'role-new', SCHEMES.all],
    ['/roles/edit?name=log%20readers', 'role'], ['/device-groups/edit', 'device-group'], ['/devices/account?device=prod-db', 'account-new', SCHEMES.all]]) {
    await page.goto(address + path);
    await survey(page, name, schemes);
  }
  await page.goto(`${address}/groups/edit`);
  await page.locator('#name').fill('dba');
  await page.getByRole('button', { name: 'Show what would change' }).click();
  await page.getByText('There is a group dba already').waitFor();
  // A form that is shown again says so by its status, and the browser writes that down.
  assert.match(troubles.pop() ?? '', /\/groups: Failed to load resource: .* 422/);
  await survey(page, 'group-wrong');
}

/** Somebody who asks for a session with the statements to be run in it. */
async function planner(browser) {
  const page = await signIn(browser, 'alice', '/');
  await page.goto(await linked(page, 'Reserve app_rw@prod-db'));
  await page.getByLabel('Reason').fill('Ticket 4730: three customers moved, and their orders must be counted again');
  await page.getByText('Statements to be run').click();
  await page.getByLabel('Statements', { exact: true }).fill(PLAN);
  await survey(page, 'reserve-plan');
  await page.getByRole('button', { name: 'Send request' }).click();
  await page.waitForURL(/\/requests\/\d+/);
  assert.equal(await page.locator('figure.evidence').count(), 4, 'each planned statement is shown');
  await survey(page, 'request-plan', SCHEMES.all);
}

async function decider(browser) {
  const page = await signIn(browser, 'dora', '/approvals');
  await page.locator('article.card .evidence').waitFor();
  await survey(page, 'my-approvals', SCHEMES.all);
  await page.locator('article.card h2 a').click();
  await page.waitForURL(/\/requests\/\d+/);
  await survey(page, 'request-statement', SCHEMES.all);
  await page.setViewportSize(sizes.phone);
  for (const colorScheme of ['dark', 'light']) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    await screenshot(page, `request-statement-phone-seen${colorScheme === 'dark' ? '-dark' : ''}`, { fullPage: false });
  }
  // The exact text is read before it is decided on, and before everything that is said about it.
  const text = await page.locator('.card .sql').boundingBox();
  const bar = await page.locator('.decide-main').boundingBox();
  assert.ok(bar.height <= 64, `the bar takes ${bar.height} px`);
  assert.ok(text.y + text.height < bar.y, 'the exact text is on the first screen, and nothing covers it');
  for (const facts of await page.locator('.card .facts').all()) {
    assert.ok((await facts.boundingBox()).y >= text.y + text.height, 'the exact text comes directly under the headline');
  }
  for (const name of ['Approve', 'Reject']) {
    const box = await page.getByRole('button', { name }).boundingBox();
    assert.ok(box.y > sizes.phone.height / 2 && box.y + box.height <= sizes.phone.height, `${name} is within reach`);
    assert.ok(box.height >= 44, `${name} is large enough to touch`);
  }
}

/** The picture in README.md; copy it to docs/images/request.png when the page has changed. */
async function picture(browser) {
  const page = await signIn(browser, 'dora', '/approvals', sizes.desktop, 2);
  await page.locator('article.card h2 a').click();
  await page.waitForURL(/\/requests\/\d+/);
  await page.mouse.move(0, 0);
  const card = await page.locator('article.card').boundingBox();
  const clip = { x: 0, y: 0, width: card.x + card.width + 32, height: card.y + card.height + 12 };
  await page.setViewportSize({ width: sizes.desktop.width, height: Math.ceil(clip.height) });
  await screenshot(page, 'request', { fullPage: false, clip });
}

async function manager(browser) {
  const page = await signIn(browser, 'mia', '/approvals');
  await survey(page, 'my-approvals-session');
}

async function administrator(browser) {
  const page = await signIn(browser, 'ada', '/requests');
  await survey(page, 'requests');
  const rejected = await page.locator('tr', { hasText: 'DELETE' }).getByRole('link').first().getAttribute('href');
  await page.goto(address + rejected);
  assert.ok((await page.locator('.sql .t-hidden').count()) >= 2, 'hidden characters are visible');
  await survey(page, 'request-hidden', SCHEMES.all);
  for (const [path, name] of [['/audit', 'audit'], ['/roles', 'roles'], ['/workflows', 'workflows'],
    ['/workflows/edit?name=dba', 'workflow'], ['/accounts', 'accounts'], ['/why?person=alice&target=app_rw%40prod-db', 'why'], ['/delegations', 'delegations'], ['/approvals', 'my-approvals-empty']]) {
    await page.goto(address + path);
    await survey(page, name);
  }
  await page.goto(`${address}/accounts`);
  await page.goto(await linked(page, /^Edit/));
  await survey(page, 'account');
  await keptSearch(page);
  await page.goto(`${address}/sessions?show=all`);
  await survey(page, 'sessions');
  await page.locator('tr', { hasText: 'Live' }).getByRole('link', { name: /^Transcript/ }).first().click();
  await page.locator('.transcript').waitFor();
  await survey(page, 'transcript', SCHEMES.all);
}

/** A search is kept under a name, and a live update leaves it there. */
async function keptSearch(page) {
  await page.goto(`${address}/requests?status=Disapproved`);
  page.once('dialog', (asked) => asked.accept('No to these'));
  await page.getByRole('button', { name: 'Keep this search' }).click();
  const kept = page.getByRole('link', { name: 'No to these' });
  await kept.waitFor();
  const looked = page.waitForResponse((answer) => answer.url().includes('/requests'));
  await page.evaluate(() => window.htmx.trigger('#live', 'sse:change'));
  await looked;
  await page.locator('#live:not(.htmx-request):not(.htmx-swapping):not(.htmx-settling)').waitFor();
  assert.equal(await kept.count(), 1, 'it is there still');
  await page.getByRole('button', { name: 'Forget this search' }).click();
  await page.getByRole('button', { name: 'Keep this search' }).waitFor();
  assert.equal(await kept.count(), 0);
}

/** A second administrator looks at what the first proposes. */
async function secondAdministrator(browser) {
  const page = await signIn(browser, 'dave', '/approvals');
  await survey(page, 'my-approvals-change');
  await page.locator('article.card h2 a').first().click();
  await page.locator('.difference').waitFor();
  await survey(page, 'request-change', SCHEMES.all);
  await page.goto(`${address}/configuration`);
  await survey(page, 'configuration', SCHEMES.all);
  await page.getByRole('button', { name: 'Show what would change' }).click();
  await page.getByText('This would change nothing').waitFor();
  await page.goto(`${address}/configuration/versions/1`);
  await survey(page, 'configuration-version');
  await overtaken(browser, page);
}

/** Whoever opened a form before a change came into force sees what was changed, and what theirs would change now. */
async function overtaken(browser, dave) {
  const ada = await signIn(browser, 'ada', '/rules/edit?name=reserve-prod');
  await ada.getByLabel('Longest period').fill('30');
  await dave.goto(`${address}/approvals`);
  await dave.getByRole('button', { name: 'Approve' }).first().click();
  await dave.locator('.notice-good').waitFor();
  await ada.getByRole('button', { name: 'Show what would change' }).click();
  await ada.getByRole('heading', { name: 'Changed while you were editing' }).waitFor();
  assert.match(troubles.pop() ?? '', /\/rules: Failed to load resource: .* 409/);
  assert.equal(await ada.locator('.changed-meanwhile .added').count(), 2, 'what was changed, and what would be');
  assert.equal(await ada.getByLabel('Longest period').inputValue(), '30', 'what was typed is kept');
  await survey(ada, 'rule-changed-meanwhile', SCHEMES.all);
}

const browser = await launch();
try {
  for (const part of [signedOut, asker, decider, picture, manager, administrator, ruler, keeper, secondAdministrator, planner, rail, thumb]) {
    const began = Date.now();
    await part(browser);
    console.log(`${part.name}: ${Date.now() - began} ms`);
  }
  assert.deepEqual(troubles, []);
} finally {
  await browser.close();
}
