// IPv4 addresses as people write them.

extension IPv4Address {
    /// Reads "10.0.2.15" from all of these bytes: four decimal numbers up to 255, no more than three digits each,
    /// nothing else.
    public init?(parsing text: RawSpan) {
        guard let (address, end) = Self.read(text, from: 0), end == text.byteCount else { return nil }
        self = address
    }

    /// Reads an address at an offset. Returns it and the offset after it.
    static func read(_ text: RawSpan, from start: Int) -> (IPv4Address, Int)? {
        var at = start
        var bits: UInt32 = 0
        for part in 0..<4 {
            if part > 0 {
                guard at < text.byteCount, text.byte(at) == UInt8(ascii: ".") else { return nil }
                at += 1
            }
            guard let (number, end) = readNumber(text, from: at), number <= 255 else { return nil }
            bits = bits << 8 | number
            at = end
        }
        return (IPv4Address(bits: bits), at)
    }

    /// A decimal number of one to three digits.
    static func readNumber(_ text: RawSpan, from start: Int) -> (UInt32, Int)? {
        var at = start
        var number: UInt32 = 0
        while at < text.byteCount, at < start + 3, text.byte(at) >= 48, text.byte(at) <= 57 {
            number = number * 10 + UInt32(text.byte(at) - 48)
            at += 1
        }
        return at > start ? (number, at) : nil
    }
}

/// An interface's settings as the boot arguments give them: "ip=10.0.2.15/24 gateway=10.0.2.2".
public struct InterfaceSettings: Equatable {
    public var address: IPv4Address
    /// 0 to 32; 24 when not given.
    public var prefixLength: Int
    public var gateway: IPv4Address?

    /// Finds `ip=` and `gateway=` among words separated by spaces. nil without a well-formed `ip=` for one host; a
    /// malformed `gateway=` counts as none.
    public init?(bootArguments text: RawSpan) {
        guard let at = Self.find("ip=", in: text), let (address, end) = IPv4Address.read(text, from: at),
            address.isUnicast
        else { return nil }
        self.address = address
        prefixLength = 24
        var after = end
        if after < text.byteCount, text.byte(after) == UInt8(ascii: "/") {
            guard let (number, end) = IPv4Address.readNumber(text, from: after + 1), number <= 32 else { return nil }
            prefixLength = Int(number)
            after = end
        }
        guard Self.isEndOfWord(text, after) else { return nil }
        if let at = Self.find("gateway=", in: text), let (router, end) = IPv4Address.read(text, from: at),
            router.isUnicast,
            Self.isEndOfWord(text, end)
        {
            gateway = router
        }
    }

    /// Where the value of a word begins.
    private static func find(_ key: StaticString, in text: RawSpan) -> Int? {
        let length = key.utf8CodeUnitCount
        var start = 0
        while start + length <= text.byteCount {
            var matched = 0
            while matched < length, text.byte(start + matched) == key.byte(matched) { matched += 1 }
            if matched == length { return start + length }
            while start < text.byteCount, !isEndOfWord(text, start) { start += 1 }
            start += 1
        }
        return nil
    }

    private static func isEndOfWord(_ text: RawSpan, _ at: Int) -> Bool {
        at >= text.byteCount || text.byte(at) == UInt8(ascii: " ") || text.byte(at) == 0
    }
}
