// The people of the browser tests and how they sign in. Must not know more of a page than the sign-in form.

import { openPage, sizes } from './lib.mjs';

/** Where Countersign's pages are. */
export const address = process.env['COUNTERSIGN_ADDRESS'];
const passwords = JSON.parse(process.env['COUNTERSIGN_PASSWORDS']);

/** The password of one of them. */
export const passwordOf = (who) => passwords[who];

/** A fresh browser in which `who` has signed in and is at `path`. */
export async function signIn(browser, who, path, size = sizes.desktop, dots = 1) {
  const page = await openPage(browser, `${address}/sign-in?next=${encodeURIComponent(path)}`, size, dots);
  await page.getByLabel('Name').fill(who);
  await page.getByLabel('Password').fill(passwords[who]);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.waitForURL(address + path);
  return page;
}
