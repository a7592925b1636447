// The text of a kernel message: kprint("text \(number) \(hex: address)\n") puts it together in a fixed buffer, without
// a heap.

import Machine
import Storage

/// A message of at most 240 bytes; what is longer is cut.
struct KernelMessage: ExpressibleByStringInterpolation {
    typealias StringLiteralType = StaticString

    private(set) var bytes = [240 of UInt8](repeating: 0)
    private(set) var count = 0

    init(stringLiteral value: StaticString) { append(value) }
    init(stringInterpolation: StringInterpolation) { self = stringInterpolation.message }
    init() {}

    @inline(never)
    mutating func append(byte: UInt8) {
        guard count < 240 else { return }
        bytes[count] = byte
        count += 1
    }

    @inline(never)
    mutating func append(_ text: StaticString) {
        for index in 0..<text.utf8CodeUnitCount { append(byte: unsafe text.utf8Start[index]) }  // within its own length
    }

    @inline(never)
    mutating func append(decimal value: UInt64) {
        var digits = [20 of UInt8](repeating: 0)
        var count = 0
        var rest = value
        repeat {
            digits[count] = UInt8(truncatingIfNeeded: rest % 10) + 48
            rest /= 10
            count += 1
        } while rest > 0
        while count > 0 {
            count -= 1
            append(byte: digits[count])
        }
    }

    @inline(never)
    mutating func append(hex value: UInt64, digits: Int) {
        var shift = (max(4 * digits, 64 - value.leadingZeroBitCount) + 3) / 4 * 4
        while shift > 0 {
            shift -= 4
            let digit = UInt8(truncatingIfNeeded: value >> UInt64(shift) & 15)
            append(byte: digit < 10 ? digit + 48 : digit + 87)
        }
    }

    mutating func append(message other: KernelMessage) {
        for index in 0..<other.count { append(byte: other.bytes[index]) }
    }

    struct StringInterpolation: StringInterpolationProtocol {
        typealias StringLiteralType = StaticString
        fileprivate var message = KernelMessage()

        init(literalCapacity: Int, interpolationCount: Int) {}

        @inline(never)
        mutating func appendLiteral(_ literal: StaticString) { message.append(literal) }
        mutating func appendInterpolation(_ text: StaticString) { message.append(text) }
        mutating func appendInterpolation(_ other: KernelMessage) { message.append(message: other) }
        mutating func appendInterpolation(_ value: Int) {
            if value < 0 { message.append(byte: 45) }
            message.append(decimal: UInt64(value.magnitude))
        }
        mutating func appendInterpolation(_ value: Int32) { appendInterpolation(Int(value)) }
        mutating func appendInterpolation(_ value: UInt64) { message.append(decimal: value) }
        mutating func appendInterpolation(_ value: UInt32) { message.append(decimal: UInt64(value)) }
        mutating func appendInterpolation(_ value: UInt16) { message.append(decimal: UInt64(value)) }
        mutating func appendInterpolation(_ value: UInt8) { message.append(decimal: UInt64(value)) }
        /// In hexadecimal with 0x, with at least so many digits.
        @inline(never)
        mutating func appendInterpolation(hex value: UInt64, digits: Int = 1) {
            message.append("0x")
            message.append(hex: value, digits: digits)
        }
        mutating func appendInterpolation(hex value: UInt, digits: Int = 1) {
            appendInterpolation(hex: UInt64(value), digits: digits)
        }
        /// One byte as it is.
        mutating func appendInterpolation(character: UInt8) { message.append(byte: character) }
        /// Two hexadecimal digits.
        mutating func appendInterpolation(hexByte value: UInt8) { message.append(hex: UInt64(value), digits: 2) }
    }
}
