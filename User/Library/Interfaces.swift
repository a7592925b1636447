// Network interfaces by name and number.

import SystemInterface

/// All interfaces, in the order of their numbers; the loopback last.
public func allInterfaces() throws(SystemError) -> [InterfaceReport] {
    var interfaces: [InterfaceReport] = []
    try System.forEach(.interfaces, InterfaceReport()) { interfaces.append($0) }
    return interfaces
}

extension InterfaceReport {
    /// "vt0".
    public var nameText: Text {
        var text = Text()
        for index in 0..<8 {
            let byte = UInt8(truncatingIfNeeded: name >> UInt64(8 * index))
            if byte != 0 { text.bytes.append(byte) }
        }
        return text
    }

    /// Six bytes with colons: 52:54:00:73:77:66.
    public var hardwareText: Text { ethernetText(hardware) }
}

/// A station address, the first byte lowest, with colons.
public func ethernetText(_ bits: UInt64) -> Text {
    var text = Text()
    for index in 0..<6 {
        if index > 0 { text.bytes.append(58) }
        text.append(hex: bits >> UInt64(8 * index) & 255, digits: 2)
    }
    return text
}

/// Six numbers of two hexadecimal digits with colons between, the first one lowest; nil if it is anything else.
public func parseEthernetAddress(_ text: CString) -> UInt64? {
    var bits: UInt64 = 0
    for index in 0..<18 {
        let byte = text.start[index]
        switch (index % 3, byte) {
        case (2, 58) where index < 17: break
        case (2, 0) where index == 17: break
        case (0, 0x30...0x39), (1, 0x30...0x39): bits |= digit(UInt64(byte - 0x30), index)
        case (0, 0x41...0x46), (1, 0x41...0x46), (0, 0x61...0x66), (1, 0x61...0x66): bits |= digit(UInt64((byte | 0x20) - 0x61 + 10), index)
        default: return nil
        }
    }
    return bits
}

/// A hexadecimal digit in its place: the first of two is the upper one.
private func digit(_ value: UInt64, _ index: Int) -> UInt64 { value << UInt64(index / 3 * 8 + (index % 3 == 0 ? 4 : 0)) }

extension Array<InterfaceReport> {
    /// The name of an interface; a question mark where there is none.
    public func name(of number: UInt8) -> Text {
        for interface in self where interface.number == number { return interface.nameText }
        return "?"
    }

    /// The interface of this name, or of this number; nil where there is none.
    public func named(_ text: CString) -> InterfaceReport? {
        for interface in self {
            if interface.nameText.bytes.elementsEqual(text.bytes) { return interface }
            if let number = text.number, number == Int(interface.number) { return interface }
        }
        return nil
    }
}
