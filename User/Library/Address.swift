// Addresses of hosts, by number or name.

public import SystemInterface

/// The same of a host whose name is in an array, without a NUL.
public func addressOrEnd(_ host: [UInt8]) -> NetworkAddress {
    let bytes = host.prefix { $0 != 0 } + [0]
    return unsafe bytes.withUnsafeBufferPointer {  // ends with a NUL, and outlives the call
        unsafe addressOrEnd(CString(unsafe: $0.baseAddress.unsafelyUnwrapped))
    }
}

/// The address of a host that is given by four numbers, or by a name, which is looked up. Ends the program with a
/// message when there is none.
public func addressOrEnd(_ text: CString) -> NetworkAddress {
    if let address = parseAddress(text) { return address }
    // No top-level domain is a number (RFC 1123, 2.1): this is an address with a slip.
    if text.bytes.allSatisfy({ $0 == 0x2e || ($0 >= 0x30 && $0 <= 0x39) }) {
        fail("\(text): not an IPv4 address such as 10.0.2.2")
    }
    do throws(SystemError) {
        return try System.resolve(text, milliseconds: 15_000).address(0)
    } catch {
        fail("\(text): \(error)")
    }
}
