package nodes

var httpNodes, messageNodes cases
