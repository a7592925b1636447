// Addresses as people write them: so far those of IPv4.

import SystemInterface

/// Four decimal numbers with dots between; nil if it is anything else.
public func parseAddress(_ text: CString) -> NetworkAddress? {
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
    return text.start[index] == 0 ? NetworkAddress(ipv4: address) : nil
}

/// The address that people mean: four numbers, or a name, which is looked up. Ends the program with a message when there is
/// none.
public func addressOrEnd(_ text: CString) -> NetworkAddress {
    if let address = parseAddress(text) { return address }
    // No top-level domain is a number (RFC 1123, 2.1): this is an address with a slip.
    if text.bytes.allSatisfy({ $0 == 0x2e || ($0 >= 0x30 && $0 <= 0x39) }) { fail("\(text): not an IPv4 address such as 10.0.2.2") }
    do throws(SystemError) {
        return try System.resolve(text, milliseconds: 15_000).address(0)
    } catch {
        fail("\(text): \(error)")
    }
}

/// "10.0.2.0/24" as an address and a prefix length; without the length `standard`. nil if it is anything else.
public func parseNetwork(_ text: CString, standard: Int) -> (address: NetworkAddress, prefixLength: Int)? {
    var slash = 0
    while text.start[slash] != 0, text.start[slash] != UInt8(ascii: "/") { slash += 1 }
    guard text.start[slash] != 0 else { return parseAddress(text).map { ($0, standard) } }
    guard let length = text.dropFirst(slash + 1).number, length >= 0, length <= 32 else { return nil }
    var copy = [UInt8](repeating: 0, count: slash + 1)
    for i in 0..<slash { copy[i] = text.start[i] }
    let address = copy.withUnsafeBufferPointer { parseAddress(CString($0.baseAddress!)) }
    return address.map { ($0, Int(length)) }
}
