// English that a reader has to read twice: the patterns that the repository refuses in its documents, comments, texts
// and test titles. `tidy.test.ts` runs it; docs/glossary.md has the words to use instead.
import ts from 'typescript';

/** A pattern in a file, where it stands, and the way to say it. */
export interface ProseFinding {
  readonly line: number;
  readonly rule: string;
  readonly text: string;
  readonly instead: string;
}

/** A stretch of prose in a file: code, markup and escapes are blanked out, so that offsets stay those of the file. */
interface Passage {
  readonly start: number;
  readonly text: string;
  readonly kind: 'document' | 'comment' | 'string' | 'title';
}

interface Rule {
  readonly name: string;
  readonly pattern: RegExp;
  readonly instead: string;
  /** The passages that it reads. Default: all. */
  readonly kinds?: readonly Passage['kind'][];
}

const BE = '(?:is|are|was|were)';
/** "there is no …" is ordinary English; so are "is no longer", "are no more than", "is no later". */
const NOT_THERE = '(?<!\\bthere\\s+)(?<!\\bThere\\s+)';
const COMPARED = '(?:longer|more|less|better|worse|doubt|\\w+er\\s+than|later|earlier|sooner|matter)\\b';

const RULES: readonly Rule[] = [
  {
    name: 'is none',
    pattern: new RegExp(`${NOT_THERE}\\b${BE}\\s+none\\b(?!-)`, 'g'),
    instead: 'say what it is, or "is not a …", "is missing", "has no …"',
  },
  {
    name: 'is no X',
    pattern: new RegExp(`${NOT_THERE}\\b${BE}\\s+no\\b(?!-)(?!\\s+${COMPARED})`, 'g'),
    instead: '"is not a …"',
  },
  {
    name: 'told',
    pattern: /\btold\b(?!\s+(?:apart|to|not\s+to|how\s+to)\b)/gi,
    instead: '"reported", "returned", "stated", "distinguished"',
  },
  {
    name: 'met',
    pattern:
      /\bmet\b(?<!\b(?:conditions?|requirements?|deadlines?|targets?|criteria|goals?|promises?)\s+(?:(?:is|are|was|were|be|not|been)\s+)*met)/gi,
    instead: '"reached", "returned", "found", "hit"',
  },
  {
    name: 'held against',
    pattern:
      /\b(?:held\s+against|(?:holds?|holding)\s+(?:it|this|that|them|each|both|its|the|an?)\b[^.;:]{0,40}?\bagainst)\b/gi,
    instead: '"compared with", "checked against"',
  },
  {
    name: 'of the like',
    pattern: /\b(?:of\s+the\s+like|the\s+likes|(?:its|their|his)\s+likes?)\b(?!\s+of\b)/gi,
    instead: '"similar", or name them',
  },
  {
    name: 'so many',
    pattern: /\bso\s+many\b(?!(?:\s+[\w-]+){0,3}?\s+that\b)/gi,
    instead: 'name the number: "this many", "at most `n`", "every 1,000 entries"',
  },
  { name: 'manieth', pattern: /\bmanieth\b/gi, instead: '"sequence number", "position"' },
  {
    name: 'beside',
    pattern: /\bbeside\b(?!\s+the\s+point\b)/gi,
    instead: '"next to", "besides", "along with"',
  },
  {
    name: 'one for a thing',
    pattern: /\bone\s+who\b|(?:^|(?<=[.?!:;]\s+))One\s+(?:that|which|whose)\b/g,
    instead: 'name the thing: "an event that …"',
  },
  { name: 'anew', pattern: /\banew\b/gi, instead: '"again", "from the start"' },
  { name: 'one after the other', pattern: /\bone\s+after\s+the\s+other\b/gi, instead: '"one after another"' },
  { name: 'all the same', pattern: /\ball\s+the\s+same\b(?=[.,;:]|\s+and\b)/gi, instead: '"anyway", "still"' },
  {
    name: 'of first',
    pattern: /(?:^|(?<=[.;:]\s+))Of\s+(?:an?|each|several|two)\b[^.;:|]{3,100}?,/g,
    instead: 'begin with the subject: not "Of a list, the first counts" but "The first of a list counts"',
    kinds: ['document'],
  },
  {
    name: 'alike',
    pattern: /\b(?!looked)(?:\w+ed|reads?|answers?)\s+(?:(?:it|them|both)\s+)?alike\b/g,
    instead: '"in the same way"',
    kinds: ['document'],
  },
];

const CLAUSE: Omit<Rule, 'pattern'> = {
  name: 'clause as subject',
  instead: 'begin with the noun or the verb: not "What a caller gets …" but "Result of …", "Returns …"',
};

const blank = (text: string) => text.replace(/[^\n]/g, ' ');
/** Code in prose is quoted as it is. */
const withoutCode = (text: string) =>
  text
    .replace(/^([ \t]*(?:\*[ \t]*)?)(```|~~~)[\s\S]*?^\1\2/gm, blank)
    .replace(/(`+)[^`](?:[\s\S]*?[^`])??\1(?!`)/g, blank)
    .replace(/\{@link\s[^}]*\}/g, blank);

/** The passages of a Markdown file: the text between code, links' addresses and comments. */
function documentPassages(text: string): Passage[] {
  const prose = withoutCode(text)
    .replace(/<!--[\s\S]*?-->/g, blank)
    .replace(/\]\([^)\s]*\)/g, blank);
  return [{ start: 0, text: prose, kind: 'document' }];
}

interface Literal {
  readonly start: number;
  readonly end: number;
  readonly kind: 'string' | 'title' | 'regexp';
}

const isTitle = (node: ts.Node): boolean =>
  ts.isCallExpression(node.parent) &&
  node.parent.arguments[0] === node &&
  /^(?:it|test|describe)\b/.test(node.parent.expression.getText().slice(0, 9));

function literalsOf(source: ts.SourceFile): Literal[] {
  const literals: Literal[] = [];
  const visit = (node: ts.Node) => {
    const at = { start: node.getStart(source), end: node.end };
    if (ts.isRegularExpressionLiteral(node)) literals.push({ ...at, kind: 'regexp' });
    else if (ts.isStringLiteral(node) || ts.isNoSubstitutionTemplateLiteral(node))
      literals.push({ ...at, kind: isTitle(node) ? 'title' : 'string' });
    else if (ts.isTemplateHead(node)) literals.push({ ...at, kind: isTitle(node.parent) ? 'title' : 'string' });
    else if (ts.isTemplateMiddle(node) || ts.isTemplateTail(node) || ts.isJsxText(node))
      literals.push({ ...at, kind: 'string' });
    ts.forEachChild(node, visit);
  };
  visit(source);
  return literals;
}

/** Comments of `//` on lines that follow each other are one passage. */
function commentPassages(code: string): Passage[] {
  return [...code.matchAll(/\/\*[\s\S]*?\*\/|\/\/.*(?:\n[ \t]*\/\/.*)*/g)].map(({ 0: comment, index }) => ({
    start: index,
    kind: 'comment',
    text: withoutCode(comment.replace(/^\/\*+|\*\/$/g, blank)).replace(/^[ \t]*(?:\/\/+|\*)/gm, blank),
  }));
}

/** The passages of a source file: its comments and its texts of more than one word. */
function sourcePassages(source: ts.SourceFile): Passage[] {
  const { text } = source;
  let code = text;
  const passages: Passage[] = [];
  for (const { start, end, kind } of literalsOf(source)) {
    const literal = text.slice(start + 1, end - 1);
    code = code.slice(0, start) + blank(text.slice(start, end)) + code.slice(end);
    if (kind === 'regexp' || !/\S\s+\S/.test(literal)) continue;
    const escapes = literal.replace(/\\[nrt]/g, blank).replace(/\\./g, blank);
    passages.push({ start: start + 1, kind, text: withoutCode(escapes) });
  }
  return [...passages, ...commentPassages(code)];
}

/** A heading or a row of a table names a thing by a clause rightly; so does a label in bold. */
const isLabel = (sentence: string) => /^\s*(?:#|\|)/.test(sentence) || sentence.includes('|');

const SENTENCE_CLAUSE = /^(?:What|Who|Whoever|Whatever)\b(?!')/;
/** Titles begin with a small letter. */
const TITLE_CLAUSE = /^(?:what|who|whoever|whatever)\b(?!')/i;

function* clausesOf({ text, kind }: Passage): Generator<number> {
  const ends = /[.?!](?=\s|$)|\n[ \t]*\n|\n(?=[ \t]*(?:[-*|#]|\d+\.)\s)|$/g;
  let start = 0;
  for (const end of text.matchAll(ends)) {
    const sentence = text.slice(start, end.index + 1);
    const lead = /^\s*(?:(?:[-*]|\d+\.)\s+)?(?:@\w+\s+(?:[\w.]+\s+)?(?:-\s+)?)?/.exec(sentence)?.[0].length ?? 0;
    const body = sentence.slice(lead);
    const opens = (kind === 'title' && start === 0 ? TITLE_CLAUSE : SENTENCE_CLAUSE).test(body);
    // A text may go on in another one, after a value.
    const stops = kind === 'document' || kind === 'string' ? end[0] === '.' : end[0] !== '?';
    if (opens && stops && !isLabel(sentence)) yield start + lead;
    start = end.index + Math.max(end[0].length, 1);
  }
}

/** The refused patterns in a Markdown or TypeScript file, in the order of their lines. */
export function proseFindings(file: string, text: string, source?: ts.SourceFile): ProseFinding[] {
  const passages = file.endsWith('.md')
    ? documentPassages(text)
    : sourcePassages(source ?? ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true));
  const found: { at: number; rule: Omit<Rule, 'pattern'> }[] = [];
  for (const passage of passages) {
    for (const rule of RULES)
      if (rule.kinds?.includes(passage.kind) ?? true)
        for (const { index } of passage.text.matchAll(rule.pattern)) found.push({ at: passage.start + index, rule });
    for (const index of clausesOf(passage)) found.push({ at: passage.start + index, rule: CLAUSE });
  }
  found.sort((a, b) => a.at - b.at);
  return found.map(({ at, rule: { name, instead } }) => ({
    line: text.slice(0, at).split('\n').length,
    rule: name,
    text: text
      .slice(at, at + 80)
      .replace(/\s+/g, ' ')
      .trim(),
    instead,
  }));
}
