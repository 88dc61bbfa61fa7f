// The language of the titles: what the address says, else what was chosen before, else the browser's.

const KEY = "triad.language";
const select = document.getElementById("language");
const offered = [...select.options].map((option) => option.value);

function remembered() {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null; // storage is blocked
  }
}

function preferred() {
  const asked = new URL(location.href).searchParams.get("lang");
  const wanted = [asked, remembered(), ...(navigator.languages ?? [])];
  return wanted.map((tag) => tag?.split("-")[0]).find((tag) => offered.includes(tag)) ?? "en";
}

export function language() {
  return select.value;
}

/** Follow the address; call whenever it changed. */
export function followAddress() {
  select.value = preferred();
}

export function onLanguageChange(listener) {
  select.addEventListener("change", () => {
    try {
      localStorage.setItem(KEY, select.value);
    } catch {
      // remembering is a convenience
    }
    document.cookie = `django_language=${select.value === "zh" ? "zh-hans" : select.value}; path=/; max-age=31536000; samesite=lax`;
    listener(select.value);
  });
}

/** How a language calls itself, for the tags a catalog may bring. */
export function languageName(tag) {
  try {
    return new Intl.DisplayNames([tag], { type: "language" }).of(tag) ?? tag;
  } catch {
    return tag;
  }
}
