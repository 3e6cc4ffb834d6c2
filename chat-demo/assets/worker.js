// Shows what the push service brings, also when no page is open.

self.addEventListener("push", (event) => {
  const { id, title, body, url } = event.data.json();
  // What comes twice is shown once.
  event.waitUntil(self.registration.showNotification(title, { body, tag: id, data: { url } }));
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(self.clients.openWindow(event.notification.data.url));
});
