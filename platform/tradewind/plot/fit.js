// Runs in the page whenever a figure gets a new width. Bokeh neither wraps titles nor scales text.
const figure = cb_obj
const narrow = figure.outer_width < 600
const plain = (value) => value?.value ?? value
const pen = document.createElement("canvas").getContext("2d")

function measure(text, font) {
  pen.font = font
  return pen.measureText(text).width
}

// The drawing keeps its height. Later, because Bokeh lays out only then, and for a new height only.
function grow(pixels) {
  if (pixels != 0) setTimeout(() => { figure.height += pixels })
}

function wrap(title) {
  const font = ["text_font_style", "text_font_size", "text_font"].map((name) => plain(title[name])).join(" ")
  const room = figure.inner_width - (narrow || figure.toolbar_location == null ? 0 : 190)
  const lines = [""]
  for (const word of plain(title.text).split(/\s+/)) {
    const longer = `${lines.at(-1)} ${word}`.trim()
    if (lines.at(-1) == "" || measure(longer, font) <= room) lines[lines.length - 1] = longer
    else lines.push(word)
  }
  grow(14 * (lines.length - plain(title.text).split("\n").length))
  title.text = lines.join("\n")
}

function columns(legend) {
  const font = `${plain(legend.label_text_font_size)} ${plain(legend.label_text_font)}`
  const widest = Math.max(...legend.items.map((item) => measure(plain(item.label), font)))
  const entry = legend.glyph_width + legend.label_standoff + widest + legend.spacing
  const fitting = Math.max(1, Math.floor((figure.inner_width - 2 * legend.padding) / entry))
  const rows = (number) => Math.ceil(legend.items.length / number)
  grow((20 + legend.spacing) * (rows(fitting) - (legend.ncols == "auto" ? 1 : rows(legend.ncols))))
  legend.ncols = Math.min(legend.items.length, fitting)
}

function written(renderer) {
  const texts = renderer.data_source.data[renderer.glyph.text.field]
  const widest = Math.max(...Array.from(texts, (text) => measure(text, "100px sans-serif"))) / 100
  const cell = figure.inner_width / figure.x_range.factors.length
  const size = Math.min(11, (cell - 5) / widest)
  renderer.visible = size >= 6 // smaller nobody can read: colour and hover tell it
  if (renderer.visible) renderer.glyph.text_font_size = {value: `${size.toFixed(1)}px`}
}

figure.toolbar.autohide = narrow // else its buttons lie on the title
if (figure.title != null) wrap(figure.title)
for (const part of figure.below) if (part.type == "Legend" && part.items.length) columns(part)
if (figure.x_range.factors?.length) {
  for (const one of figure.renderers) if (one.glyph?.type == "Text" && one.glyph.text.field) written(one)
}
