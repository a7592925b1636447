// Text made of pieces: "\(name): \(count) bytes". Bytes in an array; nothing here knows Unicode, so a program stays
// small.

public import SystemInterface

/// Bytes to be printed. Made from a literal with interpolations.
public struct Text: ExpressibleByStringInterpolation {
    public var bytes: [UInt8] = []

    public init() {}
    public init(stringLiteral value: StaticString) { append(CString(value)) }
    public init(stringInterpolation: StringInterpolation) { bytes = stringInterpolation.text.bytes }

    public mutating func append(_ text: CString) { for index in 0..<text.count { bytes.append(text[index]) } }

    /// Appends a number, with spaces (or zeros) before it up to `width`.
    public mutating func append(_ value: UInt64, width: Int = 0, zeros: Bool = false) {
        append(value, base: 10, width: width, padding: zeros ? 48 : 32)
    }

    /// Appends a hexadecimal number, with zeros before it up to `digits`.
    public mutating func append(hex value: UInt64, digits: Int = 1) {
        append(value, base: 16, width: digits, padding: 48)
    }

    private mutating func append(_ value: UInt64, base: UInt64, width: Int, padding: UInt8) {
        var digits = [20 of UInt8](repeating: 0)
        var count = 0
        var rest = value
        repeat {
            let digit = UInt8(truncatingIfNeeded: rest % base)
            digits[count] = digit < 10 ? digit + 48 : digit + 87
            rest /= base
            count += 1
        } while rest > 0
        for _ in 0..<max(0, width - count) { bytes.append(padding) }
        while count > 0 {
            count -= 1
            bytes.append(digits[count])
        }
    }

    public struct StringInterpolation: StringInterpolationProtocol {
        public typealias StringLiteralType = StaticString
        fileprivate var text = Text()

        public init(literalCapacity: Int, interpolationCount: Int) {
            text.bytes.reserveCapacity(literalCapacity + 8 * interpolationCount)
        }

        public mutating func appendLiteral(_ literal: StaticString) { text.append(CString(literal)) }
        public mutating func appendInterpolation(_ value: StaticString) { text.append(CString(value)) }
        public mutating func appendInterpolation(_ value: CString) { text.append(value) }
        public mutating func appendInterpolation(_ value: Path) { text.bytes.append(contentsOf: value.bytes) }
        public mutating func appendInterpolation(_ value: Text) { text.bytes.append(contentsOf: value.bytes) }
        public mutating func appendInterpolation(_ value: SystemError) { text.append(CString(value.message)) }

        public mutating func appendInterpolation<Number: BinaryInteger>(_ value: Number, width: Int = 0) {
            if value < 0 { text.bytes.append(45) }
            text.append(UInt64(truncatingIfNeeded: value.magnitude), width: width)
        }

        /// In hexadecimal with 0x.
        public mutating func appendInterpolation(hex value: UInt64) {
            text.append("0x")
            text.append(hex: value)
        }

        /// In hexadecimal without 0x, with zeros before it up to `digits`.
        public mutating func appendInterpolation<Number: BinaryInteger>(hex value: Number, digits: Int) {
            text.append(hex: UInt64(truncatingIfNeeded: value), digits: digits)
        }

        /// One byte as a character.
        public mutating func appendInterpolation(character: UInt8) { text.bytes.append(character) }

        /// Bytes as characters, padded with spaces on the right.
        public mutating func appendInterpolation(_ bytes: [UInt8], width: Int = 0) {
            text.bytes.append(contentsOf: bytes)
            for _ in 0..<max(0, width - bytes.count) { text.bytes.append(32) }
        }

        /// Nanoseconds as milliseconds with three decimals: 0.412.
        public mutating func appendInterpolation(milliseconds nanoseconds: UInt64) {
            let microseconds = (nanoseconds + 500) / 1000
            text.append(microseconds / 1000)
            text.bytes.append(46)
            text.append(microseconds % 1000, width: 3, zeros: true)
        }

        /// 10.0.2.2:53; an address of IPv6 in brackets.
        public mutating func appendInterpolation(_ address: SocketAddress) {
            if address.address.ipv4 == nil { text.bytes.append(91) }
            appendInterpolation(address: address.address)
            if address.address.ipv4 == nil { text.bytes.append(93) }
            text.bytes.append(58)
            text.append(UInt64(address.port))
        }

        /// An address of either family in its usual notation.
        public mutating func appendInterpolation(address: NetworkAddress) {
            if let ipv4 = address.ipv4 {
                appendInterpolation(address: ipv4)
            } else {
                appendInterpolation(ipv6: address)
            }
        }

        /// RFC 5952, 4: groups in hexadecimal without zeros in front; the longest run of zero groups, the first of two,
        /// as "::".
        public mutating func appendInterpolation(ipv6 address: NetworkAddress) {
            func group(_ index: Int) -> UInt64 {
                (index < 4 ? address.high : address.low) >> UInt64(48 - index % 4 * 16) & 0xffff
            }
            var (start, length) = (-1, 1)
            var run = 0
            for index in 0..<8 {
                run = group(index) == 0 ? run + 1 : 0
                if run > length { (start, length) = (index + 1 - run, run) }
            }
            var index = 0
            while index < 8 {
                if index == start {
                    text.append("::")
                    index += length
                    continue
                }
                if index > 0, index != start + length || start < 0 { text.bytes.append(58) }
                text.append(hex: group(index))
                index += 1
            }
        }

        /// An IPv4 address in host order.
        public mutating func appendInterpolation(address: UInt32) {
            for shift in stride(from: UInt32(24), through: 0, by: -8) {
                text.append(UInt64(address >> shift & 255))
                if shift > 0 { text.bytes.append(46) }
            }
        }
    }
}

/// Bytes as a terminal may get them, whatever file or host they come from: a question mark in the place of each control
/// character (ECMA-48: C0, DEL, and C1 as UTF-8 has it), but for tabs and line ends.
public func withoutControls(_ bytes: [UInt8]) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(bytes.count)
    // Bytes that the last lead byte of UTF-8 announced.
    var following = 0
    for (index, byte) in bytes.enumerated() {
        if byte & 0xc0 == 0x80 {
            let isControl = following == 0 || (byte < 0xa0 && bytes[index - 1] == 0xc2)
            if isControl, following > 0 { result.removeLast() }
            result.append(isControl ? 0x3f : byte)
            following = max(0, following - 1)
            continue
        }
        following = byte >= 0xf0 ? 3 : byte >= 0xe0 ? 2 : byte >= 0xc0 ? 1 : 0
        result.append(byte == 9 || byte == 10 || (byte >= 0x20 && byte != 0x7f) ? byte : 0x3f)
    }
    return result
}

/// A text with spaces behind it up to `width`.
public func padded(_ text: Text, _ width: Int) -> Text {
    var text = text
    while text.bytes.count < width { text.bytes.append(32) }
    return text
}
