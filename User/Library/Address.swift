// IPv4 addresses as people write them.

/// Four decimal numbers with dots between, as a number in host order; nil if it is anything else.
public func parseAddress(_ text: CString) -> UInt32? {
    var address: UInt32 = 0
    var index = 0
    for part in 0..<4 {
        if part > 0 {
            guard text.start[index] == UInt8(ascii: ".") else { return nil }
            index += 1
        }
        var value: UInt32 = 0
        var digits = 0
        while text.start[index] >= 0x30, text.start[index] <= 0x39, digits < 3 {
            value = value * 10 + UInt32(text.start[index] - 0x30)
            index += 1
            digits += 1
        }
        guard digits > 0, value <= 255 else { return nil }
        address = address << 8 | value
    }
    return text.start[index] == 0 ? address : nil
}
