// The boot arguments as words, and what is in a word. This is the only place where they are taken apart.

extension DeviceTreeBytes {
    /// Calls `body` with each word, which stand between spaces, the first one first.
    @inline(never)
    public func forEachWord(_ body: (DeviceTreeBytes) -> Void) {
        var start = 0
        for index in 0...count where index == count || self[index] == 0x20 || self[index] == 0 {
            if index > start, let word = slice(from: start) { body(word.prefix(index - start)) }
            start = index + 1
        }
    }
}

/// A word, read from left to right.
struct OptionText {
    private var rest: DeviceTreeBytes

    init(_ word: DeviceTreeBytes) { rest = word }

    var isAtEnd: Bool { rest.count == 0 }

    private mutating func advance(_ count: Int) { rest = rest.slice(from: count) ?? rest.prefix(0) }

    @inline(never)
    mutating func skip(_ text: StaticString) -> Bool {
        guard rest.hasPrefix(text) else { return false }
        advance(text.utf8CodeUnitCount)
        return true
    }

    @inline(never)
    mutating func number(base: UInt64, below limit: UInt64) -> UInt64? {
        var value: UInt64 = 0, digits = 0
        while let byte = rest[digits], digits < 8, let digit = Self.digit(byte), digit < base {
            value = value * base + digit
            digits += 1
        }
        guard digits > 0, value < limit else { return nil }
        advance(digits)
        return value
    }

    private static func digit(_ byte: UInt8) -> UInt64? {
        switch byte {
        case 0x30...0x39: UInt64(byte - 0x30)
        case 0x61...0x66: UInt64(byte - 0x61 + 10)
        default: nil
        }
    }

    /// The address of one host, in host order: four numbers without zeros in front.
    @inline(never)
    mutating func hostAddress() -> UInt32? {
        var bits: UInt32 = 0
        for part in 0..<4 {
            if part > 0, !skip(".") { return nil }
            if rest[0] == 0x30, let next = rest[1], next >= 0x30, next <= 0x39 { return nil }
            guard let number = number(base: 10, below: 256) else { return nil }
            bits = bits << 8 | UInt32(number)
        }
        let first = bits >> 24
        return first != 0 && first != 127 && first < 224 ? bits : nil
    }

    /// Up to the next comma.
    @inline(never)
    mutating func word() -> DeviceTreeBytes? {
        var length = 0
        while let byte = rest[length], byte != 0x2c { length += 1 }
        guard length > 0 else { return nil }
        defer { advance(length) }
        return rest.prefix(length)
    }
}
