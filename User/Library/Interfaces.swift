// Network interfaces by name and number.

public import SystemInterface

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
        text.append(packed: name)
        return text
    }

    /// Six bytes with colons: 52:54:00:73:77:66.
    public var hardwareText: Text { ethernetText(hardware) }
}

extension Text {
    /// Appends up to eight characters that are packed into a word, the first one lowest, zeros behind.
    mutating func append(packed word: UInt64) {
        for index in 0..<8 {
            let byte = UInt8(truncatingIfNeeded: word >> UInt64(8 * index))
            if byte != 0 { bytes.append(byte) }
        }
    }
}

/// An Ethernet address, the first byte lowest, with colons.
public func ethernetText(_ bits: UInt64) -> Text {
    var text = Text()
    for index in 0..<6 {
        if index > 0 { text.bytes.append(58) }
        text.append(hex: bits >> UInt64(8 * index) & 255, digits: 2)
    }
    return text
}

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
