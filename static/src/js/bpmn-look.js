// How diagrams are drawn: in the page's own colours, so that they follow light and dark by themselves.
const FAMILY = '"Inter Variable", Inter, "Noto Sans CJK SC", "PingFang SC", "Microsoft YaHei", system-ui, sans-serif';

export const LOOK = {
  bpmnRenderer: {
    defaultFillColor: "var(--diagram-fill)",
    defaultStrokeColor: "var(--diagram-line)",
    defaultLabelColor: "var(--text)",
  },
  textRenderer: {
    defaultStyle: { fontFamily: FAMILY, fontSize: 12.5, fontWeight: "500", lineHeight: 1.25 },
    externalStyle: { fontSize: 11.5 },
  },
};

/** Text is measured when a diagram is drawn: its font must be there. */
export async function fontsReady() {
  try {
    await document.fonts.load('500 12.5px "Inter Variable"', "Signalbox");
  } catch { /* then with the next font of the list */ }
}
