"""What we say: articles, sections, similarity, clusters, folding, editions. Pure: values in, values out."""
