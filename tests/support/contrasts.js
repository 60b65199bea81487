// Every piece of text that is shown, with its contrast against what lies behind it (WCAG 2.2, 1.4.3).
() => {
  const channel = (v) => {
    const c = v / 255
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4
  }
  const parse = (colour) => (colour.match(/[\d.]+/g) || []).map(Number)
  const light = (colour) => {
    const [r, g, b] = parse(colour).map(channel)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b
  }
  const solid = (colour) => parse(colour).length === 3 || parse(colour)[3] === 1
  const behind = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const colour = getComputedStyle(e).backgroundColor
      if (solid(colour)) return colour
    }
    return 'rgb(255, 255, 255)'
  }
  const found = []
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const e = node.parentElement
    const told = ['title', 'desc', 'STYLE'].includes(e.tagName)
    if (!node.textContent.trim() || !e.checkVisibility() || told) continue
    const style = getComputedStyle(e)
    const ink = e.namespaceURI.endsWith('svg') ? style.fill : style.color
    const onMark = e.classList.contains('within') && e.classList.contains('core')
    const ground = onMark ? getComputedStyle(document.querySelector('.place.core')).fill : behind(e)
    const [a, b] = [light(ink), light(ground)].sort((x, y) => y - x)
    found.push({ text: node.textContent.trim(), ratio: (a + 0.05) / (b + 0.05) })
  }
  return found
}
