// Asks the browser for push messages, when the person does.

const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));

/** `form` is that of the settings; it is sent with what the browser gives. */
export function offer(form) {
  const said = form.querySelector("[role=status]");
  if (!("serviceWorker" in navigator) || !("PushManager" in window)) {
    said.textContent = "This browser has no push messages, or not on a page that came unencrypted.";
    return;
  }
  const button = form.querySelector("button");
  button.disabled = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (await Notification.requestPermission() !== "granted") {
      said.textContent = "The browser does not allow it. Its settings for this page say why.";
      return;
    }
    try {
      const worker = await navigator.serviceWorker.register("/worker.js");
      await navigator.serviceWorker.ready;
      const options = { userVisibleOnly: true, applicationServerKey: bytes(form.dataset.key) };
      const { endpoint, keys } = (await worker.pushManager.subscribe(options)).toJSON();
      Object.assign(form.elements.endpoint, { value: endpoint });
      Object.assign(form.elements.p256dh, { value: keys.p256dh });
      Object.assign(form.elements.auth, { value: keys.auth });
      form.submit();
    } catch (error) {
      said.textContent = `It did not work: ${error.message}`;
    }
  });
}
