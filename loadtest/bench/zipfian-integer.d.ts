declare module 'zipfian-integer' {
  /** A sampler of integers from `min` to `max`, skewed towards `min`. */
  function zipfian(min: number, max: number, skew: number, random?: () => number): () => number;
  export = zipfian;
}
