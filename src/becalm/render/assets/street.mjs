// The street pages: the next burst, what is recorded there, today's visits, and what waits to be sent.
import { Outbox } from "./street-outbox.mjs";
import { KeyRefused, PackStore } from "./street-pack.mjs";
import { button, choices, element, keepProblem, picture, recordForm, visitForm, word } from "./street-forms.mjs";

const LOOK_EVERY_MS = 10_000;
const LATE_MS = 10 * 60_000; // a burst is offered so long after its end
const packs = new PackStore();
const main = document.getElementById("main");
const problem = document.getElementById("problem");
let outbox;
let pack = null;
let server = null; // what the server says of who is signed in; null without signal
let state = { pending: 0, waiting: 0, refused: [], problem: "" };
let notice = "";
let isStorageKept = true;

const SCREENS = { "": nowScreen, outbox: outboxScreen, visits: visitsScreen, shift: shiftScreen };

async function begin() {
  let worker = null;
  outbox = new Outbox("/street/outbox", (told) => {
    const isChanged = JSON.stringify(told) !== JSON.stringify(state);
    state = told;
    showPending();
    rememberWaiting();
    // A new set of pages waits until nothing of the old ones is still to be sent.
    if (told.waiting === 0) worker?.waiting?.postMessage("nothing waits");
    if (isChanged && screenName() === "outbox") draw();
  });
  try {
    pack = await packs.open();
  } catch {
    notice = "The pack on this phone cannot be opened. Take it again when there is signal.";
  }
  if (pack) outbox.account = pack.account;
  try {
    await outbox.start();
  } catch {
    say("This browser keeps nothing on the phone. Records cannot be written here: use another browser, or the radio.");
    return;
  }
  window.addEventListener("hashchange", draw);
  window.addEventListener("pageshow", look);
  window.setInterval(look, LOOK_EVERY_MS);
  if (pack) draw();
  worker = await startWorker();
  [isStorageKept] = await Promise.all([keepStorage(), askServer()]);
  if (!pack || ["outbox", "shift"].includes(screenName())) draw();
  document.body.dataset.ready = "yes";
}

// Ask the browser not to delete what is kept here; a question that nobody answers counts as refused.
async function keepStorage() {
  const asked = async () => (await navigator.storage?.persisted?.()) || (await navigator.storage?.persist?.()) || false;
  const patience = new Promise((resolve) => setTimeout(() => resolve(false), 2_000));
  return Promise.race([asked().catch(() => false), patience]);
}

async function startWorker() {
  try {
    return await navigator.serviceWorker.register("/street/worker.js", { scope: "/street", updateViaCache: "none" });
  } catch {
    return null; // without a worker the page works while there is signal
  }
}

async function askServer() {
  try {
    const response = await fetch("/street/state", { redirect: "error", credentials: "same-origin" });
    server = response.ok ? await response.json() : { problem: (await response.json()).problem };
    if (server.account && pack && pack.account !== server.account && state.waiting === 0) {
      await packs.remove();
      pack = null;
      notice = `${server.account} is signed in. The pack of the one before is gone from this phone.`;
    }
    if (server.account && !pack) outbox.account = server.account;
  } catch {
    server = null;
  }
}

// What time brings: the end of the shift, at which the pack is gone from phone and screen.
async function look() {
  if (!pack || Date.now() < pack.ends_at_here) return;
  await packs.remove();
  pack = null;
  notice = "The shift is over. Its pack is gone from this phone.";
  await askServer();
  go("");
}

function screenName() {
  return location.hash.slice(1).split("/")[0];
}

function go(name) {
  if (location.hash.slice(1) === name) draw();
  else location.hash = name;
}

function draw() {
  const [name, part] = location.hash.slice(1).split("/");
  const form = pack?.forms.find(({ kind }) => kind === name);
  let content;
  if (name === "outbox") content = outboxScreen();
  else if (!pack) content = startScreen();
  else if (name === "visit" && part) content = visitScreen(part);
  else if (form) content = formScreen(form);
  else content = (SCREENS[name] ?? nowScreen)();
  main.replaceChildren(...[notice && element("p", { class: "task", role: "status" }, notice), ...content].filter(Boolean));
  notice = "";
  document.body.dataset.drawn = "yes";
  document.getElementById("who").textContent = pack ? `${pack.unit}, ${pack.account}` : (server?.account ?? "");
  window.scrollTo(0, 0);
  main.focus({ preventScroll: true });
}

function showPending() {
  const link = document.getElementById("pending-link");
  const parts = [];
  if (state.waiting) parts.push(`${state.waiting} waiting to be sent`);
  if (state.refused.length) parts.push(`${state.refused.length} kept aside`);
  link.textContent = parts.join(", ") || "Nothing waits to be sent";
  link.parentElement.classList.toggle("waits", parts.length > 0);
}

// The server refuses a sign-out, and another person's sign-in, while something waits: it reads this cookie.
function rememberWaiting() {
  const value = state.waiting && outbox.account ? `${state.waiting}:${encodeURIComponent(outbox.account)}` : "";
  document.cookie = `becalm-waiting=${value}; path=/; samesite=lax; max-age=${value ? 30 * 86400 : 0}`;
}

function say(text) {
  problem.textContent = text;
  problem.hidden = !text;
}

// Before the shift.
function startScreen() {
  const heading = element("h1", {}, "Start the shift");
  if (server === null) {
    return [heading, element("p", {}, "There is no signal, and no pack on this phone. Records that wait are kept."), button("Try again", retry)];
  }
  if (server.problem) {
    const signIn = element("a", { class: "button", href: "/sign-in?next=/street" }, "Sign in");
    return [heading, element("p", { class: "problem" }, server.problem), signIn];
  }
  const field = { name: "unit", choices: server.units };
  if (!server.units.length) return [heading, element("p", {}, "No unit has a shift near. Ask your sergeant."), button("Look again", retry), signOut()];
  const submit = (event) => {
    event.preventDefault();
    const unit = new FormData(event.target).get("unit");
    if (unit) takePack(unit);
    else say("Touch your unit first.");
  };
  const form = element("form", { submit }, unitChoices(field), element("button", {}, "Take the pack for this shift"));
  const storage = isStorageKept ? "" : "This phone may delete what is kept here when it runs out of room. Send as often as there is signal.";
  return [heading, storage && element("p", { class: "problem" }, storage), form, signOut()];
}

function unitChoices(field) {
  const set = choices(field, "Which unit are you on?");
  set.querySelectorAll("label").forEach((label, index) => (label.textContent = field.choices[index]));
  return set;
}

async function retry() {
  await askServer();
  draw();
}

async function takePack(unit) {
  say("");
  try {
    const query = new URLSearchParams({ unit, day: server.day });
    const response = await fetch(`/street/pack?${query}`, { redirect: "error", credentials: "same-origin" });
    const taken = await response.json();
    if (!response.ok) return say(taken.problem);
    // By this phone's clock, which may be wrong: so long from now as the server says.
    taken.ends_at_here = Date.now() + (Date.parse(taken.ends_at) - Date.parse(taken.now));
    taken.progress = { done: [], checked_in: null };
    await packs.keep(taken);
    pack = taken;
    outbox.account = pack.account;
  } catch (error) {
    const isRefused = error instanceof KeyRefused;
    return say(
      isRefused
        ? "This browser refuses to keep a key (private browsing or lockdown mode). The shift does not start offline. Open these pages in an ordinary window, or use the printed sheet."
        : "There is no signal. Take the pack where there is some.",
    );
  }
  notice = `The pack is on this phone until ${pack.ends_text}. It works without signal.`;
  go("");
}

// The next burst.
function nextBursts() {
  const { done, checked_in: checkedIn } = pack.progress;
  const isOpen = (burst) =>
    burst.starts_at === checkedIn?.burst || (!done.includes(burst.starts_at) && Date.parse(burst.ends_at) + LATE_MS > serverNow());
  return pack.bursts.filter(isOpen).slice(0, 2);
}

function serverNow() {
  return Date.now() - (pack.ends_at_here - Date.parse(pack.ends_at));
}

const serverTime = () => new Date(serverNow()).toISOString();

function nowScreen() {
  const [burst, then] = nextBursts();
  const others = element(
    "nav",
    { "aria-label": "More" },
    element("div", { class: "pair" }, ...["arrest", "seizure", "stop", "nothing"].map((kind) => linkTo(kind, formTitle(kind)))),
    element("div", { class: "pair" }, linkTo("visits", visitCount(), "second"), linkTo("shift", "Shift", "second")),
  );
  if (!burst) return [element("h1", {}, "No burst is left"), element("p", {}, `Your shift ends at ${pack.ends_text}.`), others];
  const isThere = pack.progress.checked_in?.burst === burst.starts_at;
  return [
    element("h1", {}, element("span", { class: "over" }, `${isThere ? "You are at" : "Next"}, ${burst.start} to ${burst.end}`), burst.name),
    isThere ? button("Check out", () => checkOut(burst)) : button("Check in", () => checkIn(burst)),
    (burst.task || burst.call) &&
      element("div", { class: "task" }, burst.task && element("p", {}, burst.task), burst.call && element("p", {}, `Call: ${burst.call}`)),
    burst.why && element("p", {}, burst.why),
    others,
    burst.map && picture(burst.map),
    then && element("p", { class: "quiet" }, `Then, ${then.start}: ${then.name}`),
    !isThere && button("Leave this place out", () => leaveOut(burst), "second"),
  ];
}

const formTitle = (kind) => (kind === "stop" ? "Stop" : pack.forms.find((form) => form.kind === kind).title);
const visitCount = () => (pack.visits.packs.length ? `Visits: ${pack.visits.packs.length}` : "Visits");
const linkTo = (hash, text, kind = "") => element("a", { class: `button ${kind}`, href: `#${hash}` }, text);

function placeFields() {
  const { checked_in: checkedIn } = pack.progress;
  const burst = pack.bursts.find((own) => own.starts_at === checkedIn?.burst);
  return { unit: pack.unit, ...(burst ? { hotspot: burst.hotspot } : {}) };
}

function write(kind, fields) {
  const form = pack.forms.find((own) => own.kind === kind);
  return outbox.write(kind, form.version, fields, pack.key);
}

let isWriting = false;
async function attempt(act) {
  if (isWriting) return; // a second touch, before the screen has changed
  isWriting = true;
  try {
    await act();
  } catch (error) {
    notice = keepProblem(error);
  } finally {
    isWriting = false;
  }
  draw();
}

const checkIn = (burst) =>
  attempt(async () => {
    await write("check_in", { unit: pack.unit, hotspot: burst.hotspot });
    pack.progress.checked_in = { burst: burst.starts_at, at: serverTime() };
    await packs.change(pack);
    notice = `Checked in at ${burst.name}.`;
  });

const checkOut = (burst) =>
  attempt(async () => {
    const times = { starts_at: pack.progress.checked_in.at, ends_at: serverTime() };
    await write("check_out", { unit: pack.unit, hotspot: burst.hotspot, ...times });
    pack.progress.done.push(burst.starts_at);
    pack.progress.checked_in = null;
    await packs.change(pack);
    notice = `Checked out of ${burst.name}.`;
  });

const leaveOut = (burst) =>
  attempt(async () => {
    pack.progress.done.push(burst.starts_at);
    await packs.change(pack);
    notice = `${burst.name} is left out. Nothing was recorded of it.`;
  });

// Arrest, seizure, stop, nothing found.
function formScreen(form) {
  const heading = element("h1", {}, form.title);
  const place = placeFields();
  const keep = async (fields) => {
    await write(form.kind, { ...place, ...fields });
    notice = `${form.title}: kept, and sent as soon as there is signal.`;
    go("");
  };
  const back = () => go("");
  if (!form.fields.some((field) => field.choices.length)) {
    const text = form.kind === "nothing" ? "You looked, and nothing was found." : "";
    return [heading, element("p", {}, text), button("Keep this", () => attempt(() => keep({}))), button("Back", back, "second")];
  }
  return [heading, recordForm(form, keep, back)];
}

// Visits of today.
function visitsScreen() {
  const { packs: visits, refused } = pack.visits;
  const open = visits.filter(({ person }) => !pack.progress.done.includes(`visit ${person}`));
  return [
    element("h1", {}, "Visits today"),
    !open.length && element("p", {}, "There is none for you now."),
    ...open.map((visit) => linkTo(`visit/${encodeURIComponent(visit.person)}`, `${visit.person}, until ${visit.until}`)),
    refused.length > 0 && element("h2", {}, "Not to be made now"),
    refused.length > 0 && element("ul", {}, ...refused.map(({ person, why }) => element("li", {}, `${person}: ${why}`))),
    button("Back", () => go(""), "second"),
  ];
}

function visitScreen(part) {
  const visit = pack.visits.packs.find(({ person }) => person === decodeURIComponent(part));
  if (!visit) return visitsScreen();
  if (Date.parse(visit.expires_at) <= serverNow()) return [element("h1", {}, "This visit is over"), button("Back", () => go("visits"), "second")];
  const form = pack.forms.find(({ kind }) => kind === "visit");
  const keep = async (fields) => {
    await write("visit", { unit: pack.unit, person: visit.person, ...fields });
    pack.progress.done.push(`visit ${visit.person}`);
    await packs.change(pack);
    notice = "The outcome is kept, and sent as soon as there is signal.";
    go("visits");
  };
  const sections = visit.sections.flatMap(({ title, lines, rows }) => [
    element("h2", {}, title),
    ...lines.map((line) => element("p", {}, line)),
    rows.length > 0 && element("dl", {}, ...rows.flatMap(([name, text]) => [element("dt", {}, word(name)), element("dd", {}, text)])),
  ]);
  return [
    element("h1", {}, `Visit to ${visit.person}`),
    element("p", { class: "task" }, visit.notice),
    ...sections,
    element("h2", {}, "What came of it"),
    visitForm(form, keep, () => go("visits")),
  ];
}

// The shift, and its end.
function shiftScreen() {
  return [
    element("h1", {}, "Shift"),
    element("p", {}, `${pack.unit}, ${pack.account}. The pack is on this phone until ${pack.ends_text}.`),
    !isStorageKept && element("p", { class: "problem" }, "This phone may delete what is kept here when it runs out of room. Send as often as there is signal."),
    button("Take the pack again", takeAgain, "second"),
    button("End the shift", endShift),
    signOut(),
    button("Back", () => go(""), "second"),
  ];
}

async function takeAgain() {
  const progress = pack.progress;
  await askServer();
  if (!server?.day) return say("There is no signal, or nobody is signed in. The pack stays as it is.");
  await takePack(pack.unit);
  if (pack) {
    pack.progress = progress;
    await packs.change(pack);
    draw();
  }
}

const isHeldBack = () => {
  if (state.waiting) say(`${state.waiting} records wait to be sent. Send or hand them in first.`);
  return state.waiting > 0;
};

async function endShift() {
  await outbox.send();
  if (isHeldBack()) return go("outbox");
  await packs.remove();
  pack = null;
  notice = "The shift has ended. Its pack is gone from this phone.";
  await askServer();
  go("");
}

function signOut() {
  if (!server?.form_key) return "";
  const submit = async (event) => {
    event.preventDefault();
    await outbox.send();
    if (isHeldBack()) return go("outbox");
    await packs.remove();
    event.target.submit();
  };
  const key = element("input", { type: "hidden", name: "form_key", value: server.form_key });
  return element("form", { method: "post", action: "/sign-out", submit }, key, element("button", { class: "second" }, "Sign out"));
}

// What waits to be sent.
let waitingRecords = [];
function outboxScreen() {
  const list = element("ul", {});
  outbox.list().then((records) => {
    waitingRecords = records;
    const refusals = new Map(state.refused);
    list.replaceChildren(
      ...records.map(({ id, kind, kept_at: keptAt }) =>
        element("li", {}, `${word(kind)}, ${clock(keptAt)}${refusals.has(id) ? `. Kept aside by the server: ${refusals.get(id)} Tell your sergeant.` : ""}`),
      ),
    );
  });
  const codes = element("div", { id: "codes" });
  const showCodes = async () => {
    const { drawCode, rowsOf } = await import("./street-qr.mjs");
    const rows = await rowsOf(waitingRecords);
    const figures = rows.map((row, index) => {
      const svg = drawCode(row);
      svg.setAttribute("aria-label", `Code ${index + 1} of ${rows.length}`);
      svg.dataset.row = row;
      return element("div", {}, element("p", {}, `Code ${index + 1} of ${rows.length}`), svg);
    });
    codes.replaceChildren(...figures);
  };
  const hasAny = state.pending > 0;
  return [
    element("h1", {}, "Waiting to be sent"),
    state.problem && element("p", { class: "problem" }, state.problem),
    state.problem.startsWith("Sign in") && element("a", { class: "button", href: "/sign-in?next=/street" }, "Sign in"),
    !hasAny && element("p", {}, "Nothing waits. The server has confirmed each record."),
    list,
    hasAny && button("Send now", () => outbox.send()),
    hasAny && button("Save as a sealed file", saveFile, "second"),
    hasAny && button("Show as QR codes", showCodes, "second"),
    hasAny && element("p", { class: "quiet" }, "Hand the file or the codes in at the station. Nobody can read them but the server. They stay on this phone until it confirms them."),
    button("Back", () => go(""), "second"),
    codes,
  ];
}

async function saveFile() {
  const address = URL.createObjectURL(await outbox.file());
  const link = element("a", { href: address, download: `street-${new Date().toISOString().slice(0, 10)}.json` });
  document.body.append(link);
  link.click();
  link.remove();
  URL.revokeObjectURL(address);
}

const clock = (moment) => new Date(moment).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });

await begin();
