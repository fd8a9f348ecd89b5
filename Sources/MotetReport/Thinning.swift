/// The points of a curve that a picture can show: of those that fall in one column of pixels the first, the
/// lowest, the highest and the last. That is M4 (Jugel, Jerzak, Hackenbroich and Markl 2014, PVLDB 7(10)); the
/// line drawn through them covers the same pixels as the line through all.
///
/// - Parameters:
///   - points: in pixels, in the order they are joined
///   - column: a column's width; 2 units of a drawing are at most 3 pixels on a page
func thinned(_ points: [(Double, Double)], column: Double = 2) -> [(Double, Double)] {
  var kept: [(Double, Double)] = []
  var start = 0
  while start < points.count {
    let place = (points[start].0 / column).rounded(.down)
    var end = start + 1
    var low = start
    var high = start
    while end < points.count, (points[end].0 / column).rounded(.down) == place {
      if points[end].1 < points[low].1 { low = end }
      if points[end].1 > points[high].1 { high = end }
      end += 1
    }
    var last = -1
    for index in [start, min(low, high), max(low, high), end - 1] where index > last {
      kept.append(points[index])
      last = index
    }
    start = end
  }
  return kept
}
