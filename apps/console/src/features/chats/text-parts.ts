export interface TextPart {
  text: string;
  /** Set where the text is an address. */
  url?: string;
}

// An address ends before the punctuation of the sentence that it stands in.
const ADDRESS = /https?:\/\/[^\s<>"]*[^\s<>"'.,:;!?)\]}»،؛؟]/gi;

/** Cuts a text into plain parts and web addresses. */
export function textParts(text: string): TextPart[] {
  const parts: TextPart[] = [];
  let end = 0;
  for (const found of text.matchAll(ADDRESS)) {
    if (found.index > end) parts.push({ text: text.slice(end, found.index) });
    parts.push(URL.canParse(found[0]) ? { text: found[0], url: found[0] } : { text: found[0] });
    end = found.index + found[0].length;
  }
  if (end < text.length) parts.push({ text: text.slice(end) });
  return parts;
}
