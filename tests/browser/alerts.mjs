// Alerts of a free shell, where they are seen: the list of sessions, the transcript, the marks of its recording, and live.

import assert from 'node:assert/strict';
import { checkAccessibility, checkWidth, launch, screenshot, sizes, troubles } from './lib.mjs';
import { address, signIn } from './shop.mjs';

const path = process.env['COUNTERSIGN_REPLAY'];
const browser = await launch();
try {
  const page = await signIn(browser, 'ada', '/sessions');
  await page.locator('[data-label="State"]').getByText('1 alert', { exact: true }).waitFor();
  await checkAccessibility(page);

  // Live, while the shell is open.
  await page.goto(address + path);
  await page.locator('[data-live-marks] li').getByText('alert: `rm` would have been held by `deleting`').waitFor();
  await page.getByText('1 alert in this session').waitFor();
  for (const [name, size] of Object.entries(sizes)) {
    await page.setViewportSize(size);
    await screenshot(page, `alerts-live-${name}`);
    await checkAccessibility(page);
    await checkWidth(page);
  }

  // Replayed so far: the mark leads to its moment.
  await page.setViewportSize(sizes.desktop);
  await page.goto(`${address}${path}?so_far=yes`);
  const mark = page.locator('#marks a').filter({ hasText: 'alert: `rm` would have been held by `deleting`' });
  await mark.click();
  await page.locator('.ap-term').getByText('hello-42').first().waitFor();
  assert.equal(await page.locator('#marks a').filter({ hasText: 'alert' }).count(), 1);

  await page.goto(address + path.replace(/terminals.*/, 'transcript'));
  await page.locator('.transcript .badge-bad').getByText('alert', { exact: true }).waitFor();
  await page.getByText('`rm` would have been held by `deleting`').waitFor();
  await checkAccessibility(page);
  assert.deepEqual(troubles, []);
} finally {
  await browser.close();
}
