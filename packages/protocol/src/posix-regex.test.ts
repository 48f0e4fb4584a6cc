import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PATTERN_LIMIT_CHARS, STEP_LIMIT, WORK_LIMIT, compilePosixRegex, matchesWhole } from './posix-regex.ts';

function matches(pattern: string, text: string): boolean {
  const regex = compilePosixRegex(pattern);
  assert.ok(regex !== null, `${pattern} is refused`);
  return matchesWhole(regex, text);
}

test('matches as POSIX says', () => {
  const cases: [pattern: string, yes: string[], no: string[]][] = [
    ['abc', ['abc'], ['', 'ab', 'abcd', 'xabc']],
    ['', [''], ['a']],
    ['a|bc|', ['a', 'bc', ''], ['b', 'abc']],
    ['(a|b)*c', ['c', 'abbac'], ['ab', 'cc']],
    ['a+', ['a', 'aaa'], ['', 'b']],
    ['ab?c', ['ac', 'abc'], ['abbc']],
    ['a{2}', ['aa'], ['a', 'aaa']],
    ['a{2,}', ['aa', 'aaaaa'], ['a']],
    ['a{1,3}b', ['ab', 'aaab'], ['b', 'aaaab']],
    ['a{0}b', ['b'], ['ab']],
    ['(ab){2,3}', ['abab', 'ababab'], ['ab', 'abababab', 'aba']],
    ['.', ['x', ' '], ['', 'xx']],
    ['[0-9]{3}\\.png', ['123.png'], ['123xpng', '12.png']],
    ['[^/]*', ['', 'abc'], ['a/b']],
    ['[]a]+', [']a]'], ['b']],
    ['[^]a]', ['b'], [']', 'a']],
    ['[a-]+', ['a-a'], ['b']],
    ['[\\.]', ['\\', '.'], ['a']],
    ['[[:alpha:]_]+', ['aZ_'], ['a1']],
    ['[[:xdigit:][:space:]]+', ['af09 \t'], ['g']],
    ['^a$', ['a'], ['ba', 'ab']],
    ['(^a|b)c', ['ac', 'bc'], ['aac']],
    ['a^b', [], ['ab', 'a^b']],
    ['(a*)*', ['', 'aaa'], ['b']],
    ['(a|)+b', ['b', 'aab'], ['a']],
    [
      '[^:]*\\://[^/]*/folder/content/quality_[^/]*/segment.{3}\\.mp4(\\?.*)?',
      ['https://h/folder/content/quality_1/segment123.mp4', 'https://h/folder/content/quality_1/segment123.mp4?x=y'],
      ['https://h/folder/content/quality_1/segment12.mp4', 'https://h/x/folder/content/quality_1/segment123.mp4'],
    ],
  ];
  for (const [pattern, yes, no] of cases) {
    for (const text of yes) assert.ok(matches(pattern, text), `${pattern} should match ${JSON.stringify(text)}`);
    for (const text of no) assert.ok(!matches(pattern, text), `${pattern} should not match ${JSON.stringify(text)}`);
  }
});

test('what POSIX leaves undefined, or no pattern at all, is refused', () => {
  for (const pattern of [
    '[[:constructor:]]',
    '(',
    ')',
    'a)',
    '(?:a)',
    '*a',
    'a|+',
    '{2}',
    'a{',
    'a{2,1}',
    'a{256}',
    'a{1,256}',
    'a{x}',
    '[',
    '[a',
    '[]',
    '[z-a]',
    '[[:nope:]]',
    '[[.a.]]',
    '\\',
    '\\d',
    '\\1',
    'é',
    '\n',
  ]) {
    assert.equal(compilePosixRegex(pattern), null, pattern);
  }
});

test('limits hold at one more', () => {
  assert.ok(compilePosixRegex('a'.repeat(PATTERN_LIMIT_CHARS)));
  assert.equal(compilePosixRegex('a'.repeat(PATTERN_LIMIT_CHARS + 1)), null);
  // `a{n}` takes n steps and one more accepts.
  const counted = (total: number) => 'a{255}'.repeat(Math.floor(total / 255)) + `a{${total % 255}}`;
  assert.ok(compilePosixRegex(counted(STEP_LIMIT - 1)));
  assert.equal(compilePosixRegex(counted(STEP_LIMIT)), null);
  // `a*` takes three steps to begin and five for each character.
  const most = Math.floor((WORK_LIMIT - 3) / 5);
  assert.equal(matches('a*', 'a'.repeat(most)), true);
  assert.equal(matches('a*', 'a'.repeat(most + 1)), false);
  assert.equal(compilePosixRegex('((((((a{255}){255}){255}){255}){255}){255}){255}'), null);
});

test('patterns that make a backtracking engine run for ever take no time', () => {
  const text = `${'a'.repeat(4_000)}!`;
  const startMs = performance.now();
  for (const pattern of ['(a+)+b', '(a*)*b', '(a|a)*b', '(.*)*(.*)*b', '(a|aa)+b'])
    assert.equal(matches(pattern, text), false);
  assert.ok(performance.now() - startMs < 2_000);
});

test('nothing, many times over, is nothing, and takes no time', () => {
  const startMs = performance.now();
  for (const pattern of ['(){255}{255}{255}{255}b', '(a{0}){255}{255}{255}{255}b', '(()|){255,}b', '((){2}){3,255}b'])
    assert.deepEqual([matches(pattern, 'b'), matches(pattern, 'ab')], [true, false], pattern);
  assert.ok(performance.now() - startMs < 1_000);
});

test('agrees with JavaScript on 20,000 generated patterns', () => {
  let state = 7;
  const pick = (limit: number) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return Math.floor((state / 0x80000000) * limit);
  };
  const generate = (depth: number): string => {
    const leaf = ['a', 'b', 'c', '.', '[ab]', '[^a]', 'ab'][pick(7)] as string;
    if (depth === 0) return leaf;
    const part = generate(depth - 1);
    return [
      `(${part})*`,
      `(${part})+`,
      `(${part})?`,
      `(${part}){1,2}`,
      `(${part}|${generate(depth - 1)})`,
      part + generate(depth - 1),
      leaf,
    ][pick(7)] as string;
  };
  for (let round = 0; round < 20_000; round += 1) {
    const pattern = generate(pick(4));
    const text = Array.from({ length: pick(7) }, () => 'abc'[pick(3)]).join('');
    assert.equal(matches(pattern, text), new RegExp(`^(?:${pattern})$`).test(text), `${pattern} on ${text}`);
  }
});
