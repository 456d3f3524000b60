// JSON whose numbers stay as they are written: 3.0 is no whole number to an expression, and the digits of a long
// one are an order's. JavaScript's own numbers know neither; `JSON.stringify` writes what this reads as it was.
const isAble = typeof JSON.rawJSON === "function"; // else as near as the browser comes

export const parsed = (text) => JSON.parse(text, isAble ? exact : undefined);

function exact(_, value, { source } = {}) {
  return typeof value === "number" && source !== undefined && String(value) !== source ? JSON.rawJSON(source) : value;
}
