// The diagram editor's page.
import { Editor } from "./js/editor/editor.js";

const root = document.querySelector("#editor");
if (root) new Editor(root).open();
