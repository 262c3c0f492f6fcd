// Says on the page, not only in the console, why a passkey could not be used.
document.addEventListener("allauth.error", (event) => {
  event.preventDefault();
  const place = document.getElementById("passkey_trouble");
  const isAddress = event.detail.exception && event.detail.exception.name === "SecurityError";
  place.textContent = isAddress
    ? "Passkeys need the site's name as its address and HTTPS; on this machine open it as localhost."
    : "The passkey was not used: it was cancelled, timed out, or is not one of this account. Try again or choose another way.";
  place.hidden = false;
});
