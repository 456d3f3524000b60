// The fields of an approval's form, and the JSON Schema that they are: each is read off the other.
// A field: { name, label, type, options, required, kept }; `kept` is what else the schema says of it.
const TYPES = {
  text: { type: "string" },
  number: { type: "number" },
  integer: { type: "integer" },
  boolean: { type: "boolean" },
  choice: { type: "string" },
  date: { type: "string", format: "date" },
};
const OTHER = "other"; // lists, objects, what a builder cannot say: kept as it is written

function typeOf({ type, format, enum: options }) {
  if (options !== undefined) return type === "string" && options.every((each) => typeof each === "string" && each === each.trim() && each && !each.includes(",")) ? "choice" : OTHER;
  if (type === "string" && format === "date") return "date";
  if (type === "string" && format === undefined) return "text";
  return ["number", "integer", "boolean"].includes(type) && format === undefined ? type : OTHER;
}

const isObject = (given) => Boolean(given) && typeof given === "object" && !Array.isArray(given);

/** As the page shows them: by their order, then as `required` lists them, then as they are written. */
export function fromSchema(schema) {
  if (!isObject(schema?.properties)) return [];
  const needed = Array.isArray(schema.required) ? schema.required : [];
  const place = ([name, part]) => [part?.propertyOrder ?? Infinity, needed.includes(name) ? needed.indexOf(name) : Infinity];
  const before = (one, other) => (one < other ? -1 : Number(one > other));
  const inOrder = Object.entries(schema.properties).sort((one, other) => {
    const [a, b] = [place(one), place(other)];
    return before(a[0], b[0]) || before(a[1], b[1]);
  });
  return inOrder.map(([name, part]) => field(name, isObject(part) ? part : {}, needed.includes(name)));
}

function field(name, part, required) {
  const type = typeOf(part);
  const { title = "", propertyOrder, ...rest } = part;
  const { type: _type, format: _format, enum: options, ...more } = rest;
  return { name, label: title, type, options: type === "choice" ? options.join(", ") : "", required, kept: type === OTHER ? rest : more };
}

/** The schema of the fields; undefined without any. What the builder does not know of `before` stays. */
export function toSchema(fields, before = {}) {
  if (!fields.length) return undefined;
  const properties = Object.fromEntries(fields.map((each, at) => [each.name, part(each, at + 1)]));
  const required = fields.filter((each) => each.required).map((each) => each.name);
  const { required: _required, ...kept } = isObject(before) ? before : {};
  return { ...kept, type: "object", properties, ...(required.length ? { required } : {}) };
}

function part({ label, type, options, kept }, propertyOrder) {
  const title = label ? { title: label } : {};
  if (type === OTHER) return { ...kept, ...title, propertyOrder };
  const choices = type === "choice" ? { enum: words(options) } : {};
  return { ...TYPES[type], ...choices, ...kept, ...title, propertyOrder };
}

/** The options in a text with commas. */
export const words = (text) => [...new Set(text.split(/[,，]/).map((each) => each.trim()).filter(Boolean))];

/** A name for expressions, made of a label: “Amount due” is amount_due. */
export function nameFor(label, taken) {
  const plain = label.normalize("NFKD").toLowerCase().replace(/[^a-z0-9]+/g, "_").replace(/^_+|_+$/g, "");
  const name = /^[a-z]/.test(plain) ? plain : ["field", plain].filter(Boolean).join("_");
  for (let at = 1; ; at += 1) {
    const wanted = at === 1 ? name : `${name}_${at}`;
    if (!taken.includes(wanted)) return wanted;
  }
}
