// Of things that stand in one order and shall stand in another: which of them may stay where they are. `places`: where each
// stands now, in the order that is wanted. The answer: the longest run of indices whose places ascend.
export function stayers(places) {
  const ends = []; // at n: the index that ends the run of n + 1 whose last place is the lowest
  const before = [];
  for (const [at, place] of places.entries()) {
    let low = 0;
    let high = ends.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (places[ends[middle]] < place) low = middle + 1;
      else high = middle;
    }
    before[at] = ends[low - 1];
    ends[low] = at;
  }
  const stay = new Set();
  for (let at = ends.at(-1); at !== undefined; at = before[at]) stay.add(at);
  return stay;
}
