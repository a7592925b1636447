// Numbers with decimals and with unit letters, without floating point.

/// `value` counted in units of 1/`scale`, a power of ten, with so many decimals as that has zeros: 1500 of 1000 is 1.500.
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

extension CString {
    /// A whole number that may end in k, m or g, thousand by thousand: 7m is 7,000,000; nil if it is anything else, or too large.
    public var scaled: UInt64? {
        var value: UInt64 = 0
        var index = 0
        while start[index] >= 0x30, start[index] <= 0x39, value < 1 << 40 {
            value = value * 10 + UInt64(start[index] - 0x30)
            index += 1
        }
        guard index > 0, value < 1 << 40 else { return nil }
        guard start[index] != 0 else { return value }
        guard start[index + 1] == 0 else { return nil }
        switch start[index] | 0x20 {
        case UInt8(ascii: "k"): return value * 1_000
        case UInt8(ascii: "m"): return value * 1_000_000
        case UInt8(ascii: "g"): return value <= 1 << 30 ? value * 1_000_000_000 : nil
        default: return nil
        }
    }
}
