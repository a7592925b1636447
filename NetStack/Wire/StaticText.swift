// The bytes of texts that the program contains.

extension StaticString {
    /// The UTF-8 byte at an index from 0 up to `utf8CodeUnitCount`; any other index traps.
    func byte(_ index: Int) -> UInt8 {
        precondition(index >= 0 && index < utf8CodeUnitCount, "a byte beyond a static text")
        return unsafe utf8Start[index]  // in bounds, and the text lives as long as the program
    }
}
