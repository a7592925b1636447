// Numbers with decimals, without floating point.

/// `value` counted in units of 1/`scale`, a power of ten, with so many decimals as that has zeros: 1500 of 1000 is
/// 1.500.
public func decimal(_ value: UInt64, of scale: UInt64) -> Text {
    var text: Text = "\(value / scale)"
    guard scale > 1 else { return text }
    text.bytes.append(46)
    var digits = 0
    var rest = scale
    while rest > 1 {
        digits += 1
        rest /= 10
    }
    text.append(value % scale, width: digits, zeros: true)
    return text
}
