// Words of pictures that reach over their edge, and elements that reach over that of the window.
() => {
  const slack = 0.5
  const cut = []
  for (const e of document.querySelectorAll('svg.chart text, svg.map text')) {
    if (!e.checkVisibility()) continue
    const frame = e.ownerSVGElement.getBoundingClientRect()
    const box = e.getBoundingClientRect()
    const across = box.left < frame.left - slack || box.right > frame.right + slack
    const along = box.top < frame.top - slack || box.bottom > frame.bottom + slack
    if (across || along) cut.push(e.textContent)
  }
  for (const e of document.querySelectorAll('body *')) {
    if (!e.checkVisibility() || e.closest('svg, thead, .skip')) continue
    if (e.getBoundingClientRect().right > innerWidth + slack) cut.push(`${e.tagName} ${e.textContent.slice(0, 40)}`)
  }
  return cut
}
