// What a hart's node says of its instruction set (Devicetree binding riscv/extensions.yaml).

extension DeviceTreeNode {
    /// Whether this hart's node names an extension (in small letters, "m" or "zbb"): in "riscv,isa-base" and
    /// "riscv,isa-extensions", or else in the older string "riscv,isa". A hart without either has none.
    public func hasExtension(_ name: StaticString) -> Bool {
        if let base = self["riscv,isa-base"], let list = self["riscv,isa-extensions"] {
            return base.isText("rv64i") && list.listContains(name)
        }
        return self["riscv,isa"]?.text.isaNames(name) ?? false
    }

    /// The first extension of those that the kernel is built for (Linker/toolset.json) which the node does not name.
    public var missingExtension: StaticString? {
        if !hasExtension("i") { return "i" }
        if !hasExtension("m") { return "m" }
        if !hasExtension("a") { return "a" }
        if !hasExtension("c") { return "c" }
        if hasExtension("b") { return nil }  // the three below under one name
        if !hasExtension("zba") { return "zba" }
        if !hasExtension("zbb") { return "zbb" }
        return hasExtension("zbs") ? nil : "zbs"
    }

    /// Whether this hart translates addresses: "mmu-type" names one of the Sv modes of 64-bit harts.
    public var hasMMU: Bool {
        guard let type = self["mmu-type"] else { return false }
        return type.isText("riscv,sv39") || type.isText("riscv,sv48") || type.isText("riscv,sv57")
    }
}

extension DeviceTreeBytes {
    /// Whether an ISA string such as rv64imafdc_zicsr_sstc names an extension. Letters come first, each an extension;
    /// the first s, x or z among them begins a name of several letters, and from there on `_` separates names.
    func isaNames(_ name: StaticString) -> Bool {
        guard hasPrefix("rv64") else { return false }
        var start = 4
        while let letter = self[start], !isLongName(letter) {
            if name.utf8CodeUnitCount == 1 {
                let wanted = unsafe name.utf8Start[0]  // its only one
                if letter == wanted || letter == UInt8(ascii: "g") && Self.isGeneral(wanted) { return true }
            }
            start += 1
        }
        while start < count {
            if self[start] == UInt8(ascii: "_") { start += 1 }
            let end = start + name.utf8CodeUnitCount
            if hasPrefix(name, at: start), end == count || self[end] == UInt8(ascii: "_") { return true }
            while start < count, self[start] != UInt8(ascii: "_") { start += 1 }
        }
        return false
    }

    private func isLongName(_ letter: UInt8) -> Bool {
        letter == UInt8(ascii: "_") || letter == UInt8(ascii: "s") || letter == UInt8(ascii: "x")
            || letter == UInt8(ascii: "z")
    }

    /// Whether G stands for this letter too.
    private static func isGeneral(_ letter: UInt8) -> Bool {
        letter == UInt8(ascii: "i") || letter == UInt8(ascii: "m") || letter == UInt8(ascii: "a")
            || letter == UInt8(ascii: "f") || letter == UInt8(ascii: "d")
    }
}
