/// FNV-1a of a text's UTF-8, 64 bits (draft-eastlake-fnv, 2 and 5): no secret's keeper, the same number everywhere.
func fnv1a(_ text: String) -> UInt64 {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325  // the offset basis; below, the prime
    for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    return hash
}
