// What the boot arguments say to drivers: where ISA cards are, which PCI function plays one, which features to leave
// alone.
//
//   ne0=isa:0x300,33          an ISA card at port 0x300 that interrupts source 33; without a source the kernel finds
//     it out
//   isa=00:05.0@0x300         the ports of PCI function 00:05.0 are placed at 0x300, and the function is left to the
//     ISA attachment
//   vt-without=csum,mtu       features that virtio-net does not negotiate
//
// A word that is misspelt is counted, so that the kernel can say so.

/// An ISA card that the boot arguments name.
public struct ISAHint: Equatable, Sendable {
    public let port: UInt16
    /// nil: to be found out.
    public let source: UInt32?
}

public struct BootOptions {
    public private(set) var placements = ISAPlacements()
    private var hints = InlineArray<4, UInt64>(repeating: 0)
    public private(set) var hintCount = 0
    public private(set) var withoutFeatures: UInt64 = 0
    /// Words of ours whose value does not parse.
    public private(set) var misspelt = 0

    /// Hint number `index`, 0 up to `hintCount`.
    public func hint(_ index: Int) -> ISAHint? {
        guard index >= 0, index < hintCount else { return nil }
        let source = UInt32(truncatingIfNeeded: hints[index] >> 32)
        return ISAHint(port: UInt16(truncatingIfNeeded: hints[index]), source: source == 0 ? nil : source)
    }

    @inline(never)
    public init(_ arguments: DeviceTreeBytes?) {
        guard let arguments else { return }
        var start = 0
        for index in 0...arguments.count
        where index == arguments.count || arguments[index] == 0x20 || arguments[index] == 0 {
            if index > start, let word = arguments.slice(from: start), !take(word.prefix(index - start)) {
                misspelt += 1
            }
            start = index + 1
        }
    }

    /// False for a word of ours whose value does not parse.
    private mutating func take(_ word: DeviceTreeBytes) -> Bool {
        var text = OptionText(word)
        if text.skip("isa=") {
            guard let bus = text.number(base: 16, below: 256), text.skip(":"),
                let device = text.number(base: 16, below: 32), text.skip("."),
                let function = text.number(base: 16, below: 8), text.skip("@0x"),
                let port = text.number(base: 16, below: 65_505),
                text.isAtEnd
            else { return false }
            return placements.add(
                PCIAddress(bus: UInt8(bus), device: UInt8(device), function: UInt8(function)), port: UInt16(port))
        }
        if text.skip("ne"), text.number(base: 10, below: 10) != nil, text.skip("=isa:0x") {
            guard let port = text.number(base: 16, below: 65_505), port != 0, hintCount < 4 else { return false }
            var source: UInt64 = 0
            if text.skip(",") {
                guard let number = text.number(base: 10, below: 1024), number != 0 else { return false }
                source = number
            }
            guard text.isAtEnd else { return false }
            hints[hintCount] = source << 32 | port
            hintCount += 1
            return true
        }
        text = OptionText(word)
        guard text.skip("vt-without=") else { return true }
        repeat {
            guard let name = text.word(), let bits = VirtIOFeatureName.bits(name) else { return false }
            withoutFeatures |= bits
        } while text.skip(",")
        return text.isAtEnd
    }
}

/// A word, read from left to right.
private struct OptionText {
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
