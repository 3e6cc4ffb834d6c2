// The pages on the way in, as axe-core, a phone and a keyboard find them: the first one, what is refused, logging in, an account.
//
// Run by ../browser.rs. Environment: BASE (the address of the server) and CHROMIUM.

import { checked, finish, shown, step, visitor } from "./support.mjs";

const { BASE } = process.env;
const ada = await visitor();

/** Sends a form that the page does not have itself. */
async function sends(page, path, fields) {
  await page.goto(BASE);
  await Promise.all([page.waitForEvent("load"), page.evaluate(([path, fields]) => {
    const form = document.createElement("form");
    Object.assign(form, { method: "post", action: path });
    for (const [name, value] of Object.entries(fields)) {
      const field = document.createElement("input");
      Object.assign(field, { name, value });
      form.append(field);
    }
    document.body.append(form);
    form.submit();
  }, [path, fields])]);
}

await step("the first page, to a stranger", async () => {
  await shown(ada, BASE, "", /A room of your own/);
  await ada.click("text=A workspace, with channels");
  await checked(ada, /A room of your own/);
});

await step("what is refused: codes, names, addresses, forms", async () => {
  await shown(ada, BASE, "rooms?code=ABC", /not a room code/, 404);
  await shown(ada, BASE, "rooms/YYYYYYYY", /no such room yet/, 404);
  await shown(ada, BASE, "rooms/ZYYYYYYY", /no such room/, 404);
  await shown(ada, BASE, "workspaces?code=ABC", /./, 404);
  await shown(ada, BASE, "workspaces/WYYYYYYY", /./, 404);
  await shown(ada, BASE, "nowhere", /nothing here/, 404);
  await shown(ada, BASE, "rooms/ABCDEFGH/files/1", /Who are you/, 403);
  await sends(ada, "/rooms", { name: "x".repeat(33) });
  await ada.getByText("At most 32 characters", { exact: false }).waitFor();
  await checked(ada, /./);
  await sends(ada, "/rooms", { other: "" });
  await checked(ada, /./);
});

await step("logging in, and making an account", async () => {
  await shown(ada, BASE, "account/login", /Log in/);
  await ada.fill("#login", "ada-lovelace");
  await ada.fill("#password", "no such password");
  await ada.press("#password", "Enter");
  await ada.locator("[role=alert]").waitFor();
  await checked(ada, /Log in/);
  await shown(ada, BASE, "account/register", /Keep your name/);
  await ada.fill("#name", "Ada");
  await ada.fill("#login", "ada-lovelace");
  await ada.fill("#new", "password");
  await ada.locator("form").evaluate((form) => { form.noValidate = true; });
  await ada.fill("#new", "short");
  await ada.press("#new", "Enter");
  await ada.locator("[role=alert]").waitFor();
  await checked(ada, /Keep your name/);
  await ada.fill("#new", "a password that is long");
  await ada.press("#new", "Enter");
  await ada.waitForURL((url) => !url.pathname.startsWith("/account/register"));
});

await step("the account", async () => {
  await shown(ada, BASE, "account", /Your account/);
  await ada.fill("#password", "another password");
  await ada.fill("#new", "yet another password");
  await ada.press("#new", "Enter");
  await ada.locator("[role=alert]").waitFor();
  await checked(ada, /Your account/);
  await ada.fill("#password", "a password that is long");
  await ada.fill("#new", "yet another password");
  await ada.press("#new", "Enter");
  await ada.locator("[role=status]").waitFor();
  await checked(ada, /Your account/);
});

await step("the first page of somebody who was there, and the way back in", async () => {
  await ada.click("text=Log out");
  await ada.waitForURL(BASE);
  await checked(ada, /A room of your own/);
  await shown(ada, BASE, "account/login?room=ABCDEFGH", /Log in/);
});

await finish();
