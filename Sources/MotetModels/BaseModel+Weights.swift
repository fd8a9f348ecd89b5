extension BaseModel {
  /// Goes through the matrices of the sites as they are held, each `[outputs, inputs]` row-major and widened to f32.
  ///
  /// One group of sites is unpacked at a time.
  public func forEachWeight(
    of chosen: [AdapterSite], _ body: (_ site: AdapterSite, _ weight: [Float]) throws -> Void
  ) rethrows {
    let wanted = Set(chosen)
    for layer in layers {
      for group in layer.groups {
        let members = group.members.filter { wanted.contains(sites[$0.index]) }
        guard !members.isEmpty else { continue }
        let values = group.matrix.floats()
        for member in members {
          let site = sites[member.index]
          let range = member.columns.lowerBound * site.inputs..<member.columns.upperBound * site.inputs
          try body(site, Array(values[range]))
        }
      }
    }
  }
}
