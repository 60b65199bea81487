// The parts of a street page: elements, the form of a record, and the words that people read for codes.
const WORDS = {
  contact: "We met the person",
  no_answer: "No answer",
  refused_at_door: "Refused at the door",
  moved: "The person has moved",
  wrong_address: "Wrong address",
  unsafe_aborted: "Left, it was not safe",
  already_supported: "Has help already",
  check_in: "Check in",
  check_out: "Check out",
  visit: "Visit",
};

export function word(code) {
  return WORDS[code] ?? code.charAt(0).toUpperCase() + code.slice(1).replaceAll("_", " ");
}

// An element; `attributes` that are functions are listeners.
export function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") node.addEventListener(name, value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value != null) node.setAttribute(name, value);
  }
  node.append(...children.flat().filter((child) => child != null && child !== false));
  return node;
}

export const button = (text, act, kind = "") => element("button", { type: "button", class: kind, click: act }, text);

// A map that came with the pack. It is a drawing of this server's, without scripts.
export function picture(svgText) {
  const drawn = new DOMParser().parseFromString(svgText, "text/html").querySelector("svg");
  return drawn ? document.importNode(drawn, true) : "";
}

// The choices of a field as large buttons to touch; `change` is told what was chosen.
export function choices(field, legend, change = () => {}) {
  const rows = field.choices.map((choice, index) => {
    const id = `${field.name}-${index}`;
    const input = element("input", { type: "radio", name: field.name, id, value: choice, change: () => change(choice) });
    return element("div", { class: "choice" }, input, element("label", { for: id }, word(choice)));
  });
  return element("fieldset", {}, element("legend", {}, legend), rows);
}

// The form of an arrest, a seizure or a stop: one touch for what it is, one to keep it.
export function recordForm(form, keep, back) {
  const field = form.fields.find(({ choices: offered }) => offered.length);
  const problem = element("p", { class: "problem", role: "alert", hidden: true });
  const other = element("input", { type: "text", id: "other-words", maxlength: "120", autocomplete: "off" });
  const submit = async (event) => {
    event.preventDefault();
    const chosen = new FormData(event.target).get(field.name);
    const value = other.value.trim() || chosen;
    if (!value) return fail(problem, `Touch one: ${field.label.toLowerCase()}?`);
    await keepOrSay(problem, event.target, () => keep({ [field.name]: value }));
  };
  return element(
    "form",
    { submit, novalidate: true },
    problem,
    choices(field, field.label),
    element("label", { class: "above", for: "other-words" }, "Or in other words"),
    other,
    element("button", {}, `Keep this ${form.title.toLowerCase()}`),
    button("Back, without keeping it", back, "second"),
  );
}

// The form of a visit's outcome: what happened and, where somebody was met, what they said.
export function visitForm(form, keep, back) {
  const field = (name) => form.fields.find((own) => own.name === name);
  const problem = element("p", { class: "problem", role: "alert", hidden: true });
  const answers = element(
    "div",
    { hidden: true },
    choices({ ...field("response"), choices: [...field("response").choices, "no offer was made"] }, "What did they say?", (said) => {
      reasons.hidden = said !== "no offer was made";
    }),
  );
  const reasons = element("div", { hidden: true }, choices(field("no_offer"), "Why was no offer made?"));
  const submit = async (event) => {
    event.preventDefault();
    const data = new FormData(event.target);
    const result = data.get("result");
    if (!result) return fail(problem, "Touch what happened.");
    const isMet = result === "contact";
    const isOffered = data.get("response") !== "no offer was made";
    const response = isMet && isOffered ? data.get("response") : "";
    const reason = isMet && !isOffered ? data.get("no_offer") : "";
    if (isMet && !response && !reason) return fail(problem, "Touch what they said, or why no offer was made.");
    await keepOrSay(problem, event.target, () => keep({ result, response, no_offer: reason }));
  };
  const results = choices(field("result"), "What happened?", (result) => {
    answers.hidden = result !== "contact";
    reasons.hidden ||= answers.hidden;
  });
  const keepButton = element("button", {}, "Keep this outcome");
  const backButton = button("Back, without keeping it", back, "second");
  return element("form", { submit, novalidate: true }, problem, results, answers, reasons, keepButton, backButton);
}

function fail(problem, text) {
  problem.textContent = text;
  problem.hidden = false;
  problem.scrollIntoView({ block: "center" });
}

// A record that cannot be kept stays in its form, so that nobody believes it written.
async function keepOrSay(problem, form, keep) {
  const keepButton = form.querySelector("button");
  keepButton.disabled = true;
  try {
    await keep();
  } catch (error) {
    fail(problem, keepProblem(error));
  } finally {
    keepButton.disabled = false;
  }
}

export function keepProblem(error) {
  const isFull = error?.name === "QuotaExceededError";
  const cause = isFull ? "This phone is full." : "This phone could not keep it.";
  return `${cause} It is NOT recorded. Make room and try again, or tell it by radio.`;
}
