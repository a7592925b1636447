// Numbers and addresses as users type them.

public import SystemInterface

/// Reads numbers and what stands between them, from the first byte on.
public struct Scanner {
    private let bytes: [UInt8]
    private var position = 0

    public init(_ bytes: [UInt8]) { self.bytes = bytes }
    public init(_ text: CString) { self.init(text.bytes) }

    /// Whether all bytes have been read.
    public var isAtEnd: Bool { position == bytes.count }

    private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

    /// Reads a character if it is the next one.
    public mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard next == UInt8(ascii: character) else { return false }
        position += 1
        return true
    }

    /// Reads one digit; nil, and nothing read, if the next character is none.
    public mutating func digit() -> UInt64? {
        guard let byte = next, byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { return nil }
        position += 1
        return UInt64(byte - UInt8(ascii: "0"))
    }

    /// Reads a hexadecimal digit; nil, and nothing read, if the next character is none.
    public mutating func hexDigit() -> UInt64? {
        if let digit = digit() { return digit }
        guard let byte = next, byte | 0x20 >= UInt8(ascii: "a"), byte | 0x20 <= UInt8(ascii: "f") else { return nil }
        position += 1
        return UInt64((byte | 0x20) - UInt8(ascii: "a")) + 10
    }

    /// Reads a decimal number of so many digits at most; nil, and nothing read, if there is none, or it is not below
    /// `limit`.
    public mutating func number(below limit: UInt64, digits: Int = .max) -> UInt64? {
        let start = position
        var value: UInt64 = 0
        while position - start < digits, let digit = digit() {
            let (tens, overflow) = value.multipliedReportingOverflow(by: 10)
            guard !overflow, tens < limit, tens + digit < limit else {
                position = start
                return nil
            }
            value = tens + digit
        }
        return position > start ? value : nil
    }

    /// Reads an IPv4 address: four numbers with dots between.
    public mutating func address() -> NetworkAddress? {
        var address: UInt32 = 0
        for part in 0..<4 {
            if part > 0, !take(".") { return nil }
            // A zero in front means base eight to some programs: it is refused (inet_pton).
            let isZero = next == UInt8(ascii: "0")
            guard let value = number(below: 256, digits: isZero ? 1 : 3) else { return nil }
            address = address << 8 | UInt32(value)
        }
        return NetworkAddress(ipv4: address)
    }

    /// All of it as a decimal number, perhaps with a minus before it; nil if it is anything else, or too large.
    public static func number(_ bytes: [UInt8]) -> Int? {
        var scanner = Scanner(bytes)
        let isNegative = scanner.take("-")
        guard let value = scanner.number(below: 1 << 60), scanner.isAtEnd else { return nil }
        return isNegative ? -Int(value) : Int(value)
    }
}

extension CString {
    /// A whole decimal number; nil if it is anything else, or too large.
    public var number: Int? { Scanner.number(bytes) }

    /// A decimal number of seconds such as 2, 0.2 or .001, in nanoseconds; nil if it is anything else, or beyond a
    /// year.
    public var nanoseconds: UInt64? {
        var scanner = Scanner(self)
        let seconds = scanner.number(below: 32_000_000)
        var fraction: UInt64 = 0
        var scale: UInt64 = 1_000_000_000
        if scanner.take(".") {
            guard seconds != nil || !scanner.isAtEnd else { return nil }
            while let digit = scanner.digit() {
                scale /= 10
                fraction += digit * scale
            }
        } else if seconds == nil {
            return nil
        }
        return scanner.isAtEnd ? (seconds ?? 0) * 1_000_000_000 + fraction : nil
    }

    /// A whole number that may end in k, m or g, powers of a thousand: 7m is 7,000,000; nil if it is anything else, or
    /// too large.
    public var scaled: UInt64? {
        var scanner = Scanner(self)
        guard let value = scanner.number(below: 1 << 40) else { return nil }
        var factor: UInt64 = 1
        if scanner.take("k") || scanner.take("K") {
            factor = 1_000
        } else if scanner.take("m") || scanner.take("M") {
            factor = 1_000_000
        } else if scanner.take("g") || scanner.take("G") {
            factor = 1_000_000_000
        }
        let (result, overflow) = value.multipliedReportingOverflow(by: factor)
        return scanner.isAtEnd && !overflow ? result : nil
    }
}

/// Four decimal numbers with dots between; nil if it is anything else.
public func parseAddress(_ text: CString) -> NetworkAddress? {
    var scanner = Scanner(text)
    guard let address = scanner.address(), scanner.isAtEnd else { return nil }
    return address
}

/// "10.0.2.0/24" as an address and a prefix length; without the length `standard`. nil if it is anything else.
public func parseNetwork(_ text: CString, standard: Int) -> (address: NetworkAddress, prefixLength: Int)? {
    var scanner = Scanner(text)
    guard let address = scanner.address() else { return nil }
    if scanner.isAtEnd { return (address, standard) }
    guard scanner.take("/"), let length = scanner.number(below: 33), scanner.isAtEnd else { return nil }
    return (address, Int(length))
}

/// Six numbers of two hexadecimal digits with colons between, the first one lowest; nil if it is anything else.
public func parseEthernetAddress(_ text: CString) -> UInt64? {
    var scanner = Scanner(text)
    var bits: UInt64 = 0
    for index in 0..<6 {
        if index > 0, !scanner.take(":") { return nil }
        guard let high = scanner.hexDigit(), let low = scanner.hexDigit() else { return nil }
        bits |= (high << 4 | low) << UInt64(8 * index)
    }
    return scanner.isAtEnd ? bits : nil
}
